"""When a provider is left alone, and when it is asked again."""

from __future__ import annotations

from dreamlit_sender.breaker import Breaker


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _breaker(clock: Clock, *, jitter: float = 0.5) -> Breaker:
    """Opens after three failures for ten seconds."""
    return Breaker(failures=3, cooldown=10.0, longest=40.0, clock=clock, jitter=lambda: jitter)


def _opened(clock: Clock) -> Breaker:
    breaker = _breaker(clock)
    for _ in range(3):
        breaker.fail()
    return breaker


def test_closed_it_lets_everything_through() -> None:
    assert _breaker(Clock()).admit(100) == 100


def test_failures_in_a_row_open_it() -> None:
    breaker = _breaker(Clock())
    breaker.fail()
    breaker.fail()
    assert breaker.closed
    breaker.fail()
    assert not breaker.closed
    assert breaker.admit(5) == 0


def test_a_success_between_them_starts_the_count_again() -> None:
    breaker = _breaker(Clock())
    for failing in (True, True, False, True, True):
        (breaker.fail if failing else breaker.succeed)()
    assert breaker.closed


def test_after_the_cool_down_one_message_is_the_probe() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += 9.9
    assert breaker.admit(5) == 0
    clock.now += 0.2
    assert breaker.admit(5) == 1
    assert breaker.admit(4) == 0


def test_a_good_probe_closes_it() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += 10
    breaker.admit(1)
    breaker.succeed()
    assert breaker.admit(7) == 7
    breaker.fail()
    assert breaker.closed


def test_each_bad_probe_doubles_the_cool_down_up_to_the_longest() -> None:
    clock = Clock()
    breaker = _opened(clock)
    waits = []
    for _ in range(4):
        waits.append(breaker.opens_in())
        clock.now += breaker.opens_in()
        assert breaker.admit(1) == 1
        breaker.fail()
    assert waits == [10.0, 20.0, 40.0, 40.0]


def test_the_cool_down_varies_by_a_fifth() -> None:
    for jitter, expected in ((0.0, 8.0), (1.0, 12.0)):
        breaker = _breaker(Clock(), jitter=jitter)
        for _ in range(3):
            breaker.fail()
        assert abs(breaker.opens_in() - expected) < 1e-6


def test_a_probe_that_says_nothing_makes_room_for_another() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += 10
    breaker.admit(1)
    breaker.end_probe()
    assert breaker.admit(1) == 1


def test_a_success_of_before_does_not_close_it() -> None:
    breaker = _opened(Clock())
    breaker.succeed()
    assert breaker.admit(1) == 0


def test_failures_of_before_do_not_keep_it_open_for_longer() -> None:
    clock = Clock()
    breaker = _opened(clock)
    clock.now += 6
    breaker.fail()
    assert breaker.opens_in() == 4.0


def test_a_provider_that_asks_for_time_gets_it_and_a_shorter_wish_does_not_cut_it() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    breaker.hold(90)
    breaker.hold(1)
    assert breaker.opens_in() == 90.0

"""Slots: shares by weight, counted in messages; nothing for whoever has nothing to deliver; never too many at once."""

from __future__ import annotations

import asyncio
import random
from collections import deque

import pytest

from dreamlit_sender.slots import Pace, Share, Slots


class Party:
    """A lane that has so many messages ready, and notes what departs."""

    def __init__(self, name: str, wire: Wire, *, weight: int = 1) -> None:
        self.name = name
        self.wire = wire
        self.share: Share = wire.slots.join(self.depart, weight=weight)

    def want(self, ready: int) -> None:
        self.wire.slots.want(self.share, ready)

    def depart(self, count: int) -> None:
        self.wire.departed.extend([self.name] * count)
        self.wire.flying.append((self.share, count))


class Wire:
    """The deliveries under way; `land` ends the oldest."""

    def __init__(self, concurrency: int, *, batch: int = 1, rate: float | None = None) -> None:
        self.slots = Slots(concurrency, batch=batch, rate=rate)
        self.departed: list[str] = []
        self.flying: deque[tuple[Share, int]] = deque()

    def land(self, times: int = 1) -> None:
        for _ in range(times):
            self.slots.give_back(*self.flying.popleft())


def shares(departed: list[str]) -> dict[str, int]:
    return {name: departed.count(name) for name in sorted(set(departed))}


def assert_near(found: dict[str, int], expected: dict[str, int]) -> None:
    """The first to come had all four slots before the others came."""
    assert found.keys() == expected.keys()
    assert max(abs(found[name] - expected[name]) for name in found) <= 4, found


def test_those_who_wait_get_what_their_weights_say() -> None:
    wire = Wire(4)
    for name, weight in (("a", 1), ("b", 2), ("c", 5)):
        Party(name, wire, weight=weight).want(10_000)
    wire.land(796)
    assert_near(shares(wire.departed), {"a": 100, "b": 200, "c": 500})


def test_shares_are_of_messages_also_where_they_leave_in_batches() -> None:
    wire = Wire(4, batch=50)
    for name, weight in (("a", 1), ("b", 3)):
        Party(name, wire, weight=weight).want(100_000)
    wire.land(1600)
    found = shares(wire.departed)
    assert abs(found["b"] - 3 * found["a"]) <= 4 * 50


def test_who_has_nothing_to_deliver_leaves_its_share_to_the_others() -> None:
    wire = Wire(4)
    Party("idle", wire, weight=100)
    a, b = Party("a", wire), Party("b", wire)
    a.want(1000)
    b.want(1000)
    wire.land(396)
    assert_near(shares(wire.departed), {"a": 200, "b": 200})


def test_one_alone_has_all_slots() -> None:
    wire = Wire(4)
    Party("idle", wire, weight=100)
    Party("a", wire).want(10)
    assert len(wire.flying) == 4
    wire.land(6)
    assert wire.departed == ["a"] * 10


def test_having_had_nothing_to_deliver_earns_no_credit() -> None:
    wire = Wire(2)
    a, b = Party("a", wire), Party("b", wire)
    a.want(10_000)
    wire.land(1000)
    wire.departed.clear()
    b.want(10_000)
    wire.land(200)
    found = shares(wire.departed)
    assert abs(found["a"] - found["b"]) <= 2


def test_whoever_comes_late_waits_for_one_landing_only() -> None:
    wire = Wire(3)
    a, b = Party("a", wire), Party("b", wire)
    a.want(10_000)
    wire.land(500)
    b.want(1)
    before = len(wire.departed)
    wire.land(2)
    assert "b" in wire.departed[before:]


def test_what_is_withdrawn_does_not_depart() -> None:
    wire = Wire(1)
    a, b = Party("a", wire), Party("b", wire)
    a.want(2)
    b.want(5)
    b.want(0)
    wire.land(2)
    assert wire.departed == ["a", "a"]
    b.want(1)
    assert wire.departed == ["a", "a", "b"]


@pytest.mark.parametrize("seed", range(20))
def test_never_more_at_once_than_there_is_room_and_no_slot_idle_while_one_waits(seed: int) -> None:
    chance = random.Random(seed)
    concurrency, batch = chance.randint(1, 6), chance.choice([1, 1, 7, 20])
    wire = Wire(concurrency, batch=batch)
    parties = [Party(str(n), wire, weight=chance.randint(1, 9)) for n in range(chance.randint(1, 5))]
    for _ in range(500):
        if wire.flying and chance.random() < 0.5:
            wire.flying.rotate(chance.randrange(len(wire.flying)))
            wire.land()
        else:
            chance.choice(parties).want(chance.choice([0, 1, 5, 100]))
        on_the_way = sum(count for _, count in wire.flying)
        assert len(wire.flying) <= concurrency
        assert on_the_way <= max(concurrency, batch)
        waits = any(party.share.ready for party in parties)
        assert not waits or len(wire.flying) == concurrency or on_the_way == max(concurrency, batch)


def test_a_wave_is_the_whole_wire_for_one_alone_and_a_part_of_it_beside_others() -> None:
    wire = Wire(16)
    a, b = Party("a", wire, weight=3), Party("b", wire, weight=1)
    assert (wire.slots.wave(a.share), wire.slots.wave(b.share)) == (16, 16)
    a.want(100)
    b.want(100)
    assert (wire.slots.wave(a.share), wire.slots.wave(b.share)) == (12, 4)
    assert wire.slots.wave(Party("c", wire).share) == 4


def test_a_wave_is_never_shorter_than_a_batch() -> None:
    wire = Wire(4, batch=500)
    parties = [Party(str(n), wire) for n in range(10)]
    for party in parties:
        party.want(1000)
    assert {wire.slots.wave(party.share) for party in parties} == {500}


def test_a_pace_lets_a_seconds_worth_go_at_once_and_then_as_time_passes() -> None:
    now = [100.0]
    pace = Pace(4, now=lambda: now[0])
    assert [pace.take(3), pace.take(3), pace.take(3)] == [3, 1, 0]
    now[0] += pace.wait()
    assert [pace.take(3), pace.take(3)] == [1, 0]
    now[0] += 3600
    assert pace.take(100) == 4


def test_a_pace_of_less_than_one_a_second_lets_one_go_after_its_time() -> None:
    now = [0.0]
    pace = Pace(0.1, now=lambda: now[0])
    assert [pace.take(5), pace.take(5)] == [1, 0]
    assert round(pace.wait(), 6) == 10
    now[0] += 10
    assert [pace.take(5), pace.take(5)] == [1, 0]


@pytest.mark.asyncio
async def test_what_the_pace_held_back_departs_by_itself_in_turn() -> None:
    wire = Wire(100, rate=50)
    a, b = Party("a", wire), Party("b", wire)
    a.want(60)
    b.want(5)
    assert len(wire.departed) == 50
    async with asyncio.timeout(10):
        while len(wire.departed) < 65:  # noqa: ASYNC110 - the wire is no asynchronous thing
            await asyncio.sleep(0.01)
    assert shares(wire.departed) == {"a": 60, "b": 5}
    assert "b" in wire.departed[50:53]

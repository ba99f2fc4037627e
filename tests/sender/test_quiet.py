from __future__ import annotations

from dreamlit_sender.quiet import Quiet


def test_a_queue_that_stays_empty_is_asked_less_often() -> None:
    quiet = Quiet(1.0)
    assert [quiet.seconds(found=False) for _ in range(6)] == [1.0, 1.0, 1.0, 1.0, 3.0, 3.0]


def test_something_found_begins_anew() -> None:
    quiet = Quiet(2.0)
    for _ in range(9):
        quiet.seconds(found=False)
    assert quiet.seconds(found=True) == 0.0
    assert quiet.seconds(found=False) == 2.0

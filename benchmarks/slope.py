"""The engine's cost beside more and more of something: time against that of none of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.extent import Extent
from benchmarks.result import Curves, Figure, Reach, Result

REACH = Reach(of="ratio", bound="at most", limit=1.1)


def levels(extent: Extent, usual: Sequence[int], full: int) -> list[int]:
    """How many of it, from none on; the largest only for a full run."""
    wanted = [*usual, *([full] if extent.full else [])]
    return sorted({count and extent.of(count, least=10) for count in wanted})


def slope(
    name: str,
    about: str,
    extent: Extent,
    measures: Mapping[int, Callable[[], float]],
    *,
    events: int,
    of: str,
) -> Result:
    """Take every level in turn, round after round; the ratio is a level's seconds over those of none.

    A first turn warms each level and is not counted: what was just seeded is in no cache.
    """
    samples: dict[str, list[float]] = {}
    for measure in measures.values():
        measure()
    for _ in range(extent.rounds):
        for count, measure in measures.items():
            samples.setdefault(_words(count, of), []).append(measure())
    seconds = {count: statistics.median(samples[_words(count, of)]) for count in measures}
    none = seconds[0]
    figures = [
        Figure(
            what=_words(count, of),
            value=events / taken,
            unit="/s",
            baseline=events / none if count else None,
            ratio=taken / none if count else None,
            reaches=[REACH] if count else [],
        )
        for count, taken in seconds.items()
    ]
    points = [(float(count), events / taken) for count, taken in seconds.items()]
    curves = Curves(x=of, y="notifications a second", lines={"one worker": points}, log_x=True)
    return Result(bench=name, about=about, figures=figures, samples=samples, curves=curves)


def _words(count: int, of: str) -> str:
    return f"{count:,} {of}" if count else f"no {of}"

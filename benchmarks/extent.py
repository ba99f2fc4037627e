"""How much a bench does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Extent:
    """scale      part of the usual size; small ones only show that a bench runs
    full       also the sizes that take minutes: ten millions of rows, ten minutes of an open snapshot
    seconds    how long the benches that wait for time to pass do so; None is their own choice
    rounds     how often everything is measured; the medians count
    """

    scale: float = 1
    full: bool = False
    seconds: float | None = None
    rounds: int = 3

    def of(self, size: int, *, least: int = 1) -> int:
        """A size at this scale."""
        return max(least, round(size * self.scale))

    def time(self, usual: float, *, full: float | None = None) -> float:
        """Seconds to spend: as asked for, else the usual, scaled, a second at least."""
        if self.seconds is not None:
            return self.seconds
        return max(1.0, (full if self.full and full else usual) * self.scale)

"""Waiting times between looks into a queue that has nothing."""

from __future__ import annotations

_FEW = 5


class Quiet:
    """`poll` seconds, and three times that once five looks in a row found nothing.

    What is new is announced; a look finds only what a moment brings: a retry that is due, the end of a pause.
    """

    def __init__(self, poll: float) -> None:
        self._poll = poll
        self._dry = 0

    def seconds(self, *, found: bool) -> float:
        """Return how long to wait after a look; one that found something is followed by another at once."""
        self._dry = 0 if found else self._dry + 1
        if found:
            return 0.0
        return self._poll if self._dry < _FEW else 3 * self._poll

"""Waiting times between tries to reach the database."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Exponential waiting times with jitter: between half the step and the step, capped."""

    def __init__(
        self, *, first: float = 0.2, cap: float = 30.0, jitter: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._cap = cap
        self._jitter = jitter
        self._step = first

    def next(self) -> float:
        """Return how long to wait now, in seconds; the following step is twice as long."""
        step = self._step
        self._step = min(self._cap, step * 2)
        return step * (0.5 + self._jitter() / 2)

    def reset(self) -> None:
        """Start again with the first step: something worked."""
        self._step = self._first

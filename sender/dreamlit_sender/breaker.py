"""A breaker: after failures in a row a provider is left alone for a while, then asked with one message."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaker:
    """Closed, open until a moment, or half-open: then one message at a time is let through as a probe.

    `failures` in a row open it for `cooldown` seconds, give or take a fifth; each failed probe doubles that,
    up to `longest`. Times in seconds of `clock`.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        cooldown: float = 30.0,
        longest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._most = failures
        self._cooldown = cooldown
        self._longest = longest
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._step = cooldown
        self._open_until: float | None = None
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether everything is let through."""
        return self._open_until is None

    def ready(self) -> bool:
        """Whether at least one message would be let through now."""
        return self._open_until is None or (self.opens_in() == 0.0 and not self._probing)

    def opens_in(self) -> float:
        """Return the seconds until the next probe, 0 if it may be now."""
        return max(0.0, (self._open_until or 0.0) - self._clock())

    def admit(self, count: int) -> int:
        """Return how many of `count` messages may go now.

        A probe ends with `succeed`, `fail`, `hold` or `end_probe`.
        """
        if self._open_until is None:
            return count
        if count == 0 or not self.ready():
            return 0
        self._probing = True
        return 1

    def succeed(self) -> None:
        """The provider worked. What began before it opened says nothing about now."""
        if self._open_until is None:
            self._failures = 0
        elif self._probing:
            self._failures, self._step = 0, self._cooldown
            self._open_until, self._probing = None, False

    def fail(self) -> None:
        """The provider did not work."""
        self._failures += 1
        if self._probing:
            self._step = min(self._longest, self._step * 2)
        elif self._open_until is not None or self._failures < self._most:
            return
        self._open(self._step * (0.8 + 0.4 * self._jitter()))

    def hold(self, seconds: float) -> None:
        """The provider asked to be left alone for so long."""
        self._open(max(seconds, self.opens_in()))

    def end_probe(self) -> None:
        """The probe said nothing: the next message is another one."""
        self._probing = False

    def _open(self, seconds: float) -> None:
        self._open_until, self._probing = self._clock() + seconds, False

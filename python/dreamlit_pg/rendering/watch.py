"""CPU time: an item that never ends is stopped."""

from __future__ import annotations

import signal
import threading
from typing import Any

TICK = 0.05
LOCK = threading.Lock()  # the timer, the meter and the cache are the process's own: one batch at a time


class DeadlineError(BaseException):
    """Time is up. Not an Exception, so that no handler in between can swallow it."""


class Watch:
    """Stops an item that uses too much CPU time, at no cost for the others.

    A timer ticks every 50 ms of CPU time for the whole batch; only its handler looks whether the item is
    still the one of the ticks before. It ticks on, so an exception lost in a destructor is raised again.
    """

    def __init__(self, seconds: float) -> None:
        self.item = 0
        self.seconds = seconds
        self._seen = -1
        self._spent = 0.0
        self._active = False
        self._previous: Any = None
        self._timer = 0.0, 0.0

    def __enter__(self) -> Watch:
        # Signals reach the main thread only; elsewhere the size limits alone apply.
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGVTALRM, self._on_tick)
            self._active = True
            self._timer = signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._active:
            return
        self._active = False
        signal.setitimer(signal.ITIMER_VIRTUAL, *self._timer)
        # A last tick may still be under way, and the default action would end the process.
        default = self._previous in (signal.SIG_DFL, None)
        signal.signal(signal.SIGVTALRM, signal.SIG_IGN if default else self._previous)

    def punish(self) -> None:
        """Halve what later items get, so that a template that never ends cannot hold a batch for long."""
        self.seconds = max(self.seconds / 2, 2 * TICK)

    def _on_tick(self, *_: object) -> None:
        if not self._active:
            return
        if self.item != self._seen:
            self._seen, self._spent = self.item, 0.0
            return
        self._spent += TICK
        if self._spent >= self.seconds:
            # Once more after a second, should this one get lost; not sooner, as freeing what the item held
            # takes time.
            self._spent = self.seconds - 1
            raise DeadlineError

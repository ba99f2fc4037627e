"""Room on one channel's wire, shared by the lanes of all databases in proportion to their weights.

A slot is one delivery at once. Whoever has nothing to deliver takes none, so that its share is the others';
while several wait, each free slot goes to the lane that has had the least for its weight (start-time fair
queuing). A database that is slow, hanging or gone has nothing ready, and so holds no slot.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

_AN_INSTANT = 1e-6


@dataclass(slots=True, eq=False)
class Share:
    """What one lane has of the slots: messages ready and flying, and how much it has had for its weight."""

    number: int
    depart: Callable[[int], None]
    weight: int
    ready: int = 0
    flying: int = 0
    clock: float = 0.0
    queued: bool = False
    busy: bool = False


class Slots:
    """`concurrency` deliveries at once, each of up to `batch` messages, and `rate` messages a second at most.

    There are never more messages on their way than `concurrency`, or than one batch, if that is more.
    """

    def __init__(self, concurrency: int, *, batch: int = 1, rate: float | None = None) -> None:
        self._batch = batch
        self._size = max(concurrency, batch)
        self._free = concurrency
        self._room = self._size
        self._pace = Pace(rate) if rate else None
        self._waiting: list[tuple[float, int, Share]] = []
        self._members = 0
        self._busy_weight = 0
        self._clock = 0.0
        self._later: asyncio.TimerHandle | None = None

    def join(self, depart: Callable[[int], None], *, weight: int = 1) -> Share:
        """Return a share; `depart` is called with the number of messages that leave as one delivery."""
        self._members += 1
        return Share(self._members, depart, weight)

    def want(self, share: Share, ready: int) -> None:
        """Say how many messages are ready; they depart at once as far as there is room."""
        share.ready = ready
        self._note(share)
        self._queue(share)
        self._fill()

    def give_back(self, share: Share, count: int) -> None:
        """One delivery, of so many messages, is over."""
        share.flying -= count
        self._free += 1
        self._room += count
        self._note(share)
        self._fill()

    def wave(self, share: Share) -> int:
        """Return how many messages are worth being kept ready: the share's part, among those in use now."""
        others = self._busy_weight - (share.weight if share.busy else 0)
        return max(self._batch, math.ceil(self._size * share.weight / (others + share.weight)))

    def _note(self, share: Share) -> None:
        busy = share.ready > 0 or share.flying > 0
        if busy != share.busy:
            share.busy = busy
            self._busy_weight += share.weight if busy else -share.weight

    def _queue(self, share: Share) -> None:
        if share.ready and not share.queued:
            # Having had nothing to deliver earns no credit.
            share.clock = max(share.clock, self._clock)
            share.queued = True
            heapq.heappush(self._waiting, (share.clock, share.number, share))

    def _fill(self) -> None:
        while self._waiting and self._free and self._room:
            share = self._waiting[0][2]
            count = min(self._batch, self._room, share.ready)
            if count and self._pace is not None:
                count = self._pace.take(count)
                if not count:
                    self._fill_later(self._pace.wait())
                    return
            heapq.heappop(self._waiting)
            share.queued = False
            if not count:
                continue
            self._clock = share.clock
            share.clock += count / share.weight
            share.ready -= count
            share.flying += count
            self._free -= 1
            self._room -= count
            self._queue(share)
            share.depart(count)

    def _fill_later(self, seconds: float) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(seconds, self._fill_now)

    def _fill_now(self) -> None:
        self._later = None
        self._fill()


class Pace:
    """A token bucket: `rate` messages a second, and no more than a second's at once."""

    def __init__(self, rate: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._most = max(1.0, rate)
        self._tokens = self._most
        self._at = now()

    def take(self, wanted: int) -> int:
        """Return how many of these messages may go now."""
        now = self._now()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        granted = min(wanted, math.floor(self._tokens + _AN_INSTANT))
        self._tokens -= granted
        return granted

    def wait(self) -> float:
        """Return the seconds until the next message may go."""
        return max(0.0, (1.0 - self._tokens) / self._rate)

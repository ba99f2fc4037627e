"""One channel: claim, report the start, deliver, report the outcome.

Messages wait in two places. `_claimed` are ours by their lease, and nobody has said that they are being sent:
losing them in a crash costs nothing but the lease. `_ready` have been acknowledged as 'sending', and are kept
few (one wave ahead of the wire), because after a crash nobody can say what became of them. While the wire
works on one wave, the next is claimed, and one call reports its start together with the outcomes of the last.
A wave is as long as the lane's share of the wire, which the lanes of other databases use as well.

A transport that takes several messages in one request is given what is ready, up to its batch; the wave is
then as long as a batch, if that is more than the deliveries at once.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from dreamlit_sender import results
from dreamlit_sender.backoff import Backoff
from dreamlit_sender.database import Claimed, Database, DatabaseTroubleError, Session
from dreamlit_sender.links import NoLinksError
from dreamlit_sender.log import log_event, log_fault
from dreamlit_sender.quiet import Quiet
from dreamlit_sender.reporter import Reporter
from dreamlit_sender.slots import Slots
from dreamlit_sender.transport import BatchTransport, Handover, Message, Outcome, Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamlit_sender.database import Result
    from dreamlit_sender.links import Linker
    from dreamlit_sender.secret import Redactor


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """Times in seconds. `lease_margin` is kept free at the end of a lease for the report of the outcome."""

    concurrency: int = 16
    chunk: int = 100
    delivery_timeout: float = 30.0
    lease_margin: float = 5.0
    poll: float = 1.0
    flush: float = 0.1
    shutdown_timeout: float = 20.0


class Lane:
    """Delivers one channel's messages of one database until it is told to stop.

    `slots` are those that it shares, by its weight, with the lanes of other databases; None: it has its own.
    `origin` is the database's name where there are others.
    """

    def __init__(
        self,
        channel: str,
        *,
        database: Database,
        transport: Transport,
        options: LaneOptions,
        redact: Redactor,
        backoff: Backoff | None = None,
        linker: Linker | None = None,
        slots: Slots | None = None,
        weight: int = 1,
        origin: str | None = None,
    ) -> None:
        self._channel = channel
        self._database = database
        self._transport = transport
        self._batches = transport if isinstance(transport, BatchTransport) else None
        self._options = options
        self._slots = slots or Slots(options.concurrency, batch=batch_of(transport))
        self._share = self._slots.join(self._depart, weight=weight)
        self._redact = redact
        self._backoff = backoff or Backoff()
        self._linker = linker
        self._links_known_until = 0.0
        self._origin = origin
        self._reporter = Reporter(channel)
        self._claimed: deque[Claimed] = deque()
        self._ready: deque[Claimed] = deque()
        self._flying: dict[asyncio.Task[None], tuple[Claimed, ...]] = {}
        self._changed = asyncio.Event()
        self._context = copy_context()
        self._dry_until = 0.0
        self._quiet = Quiet(options.poll)
        self._flush_at = 0.0
        self._stop_by: float | None = None

    def wake(self) -> None:
        """There may be something to claim."""
        self._dry_until = 0.0
        self._changed.set()

    def stop(self) -> None:
        """Claim no more, finish what is being sent within the bound, release the rest; `run` then returns."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + self._options.shutdown_timeout
            self._changed.set()

    @property
    def unreported(self) -> int:
        """How many results the database has not acknowledged."""
        return len(self._reporter)

    async def run(self) -> None:
        """Work until stopped. Raises nothing but CancelledError; what is left unreported is logged."""
        self._context = copy_context()
        try:
            while not self._is_finished():
                try:
                    session = await self._database.connect(self._channel)
                    try:
                        await self._work(session)
                    finally:
                        await session.aclose()
                except DatabaseTroubleError as trouble:
                    if not await self._wait_out(str(trouble)):
                        break
                except Exception as error:  # noqa: BLE001 - a fault of ours must not take what is in flight with it
                    log_fault()
                    if not await self._wait_out(type(error).__name__):
                        break
        finally:
            await self._cancel_flying()
            self._reporter.log_lost()

    async def _work(self, session: Session) -> None:
        self._dry_until = 0.0
        while True:
            self._enforce_stop()
            if self._has_room() and time.monotonic() >= self._dry_until:
                await self._claim(session)
            await self._report(session)
            self._backoff.reset()
            if self._is_finished():
                return
            await self._wait_for_change(self._pause())

    # Claiming and reporting

    def _provider(self) -> str | None:
        provider: str | None = getattr(self._transport, "provider", None)
        return provider

    def _started(self, item: Claimed) -> Result:
        keyed = self._batches is not None and self._batches.idempotent
        return results.started(item, idempotent_with=self._provider() if keyed else None)

    def _has_room(self) -> bool:
        wave = self._slots.wave(self._share)
        return self._stop_by is None and len(self._claimed) < 2 * wave and len(self._ready) < wave

    async def _claim(self, session: Session) -> None:
        self._changed.clear()
        self._dry_until = math.inf  # until then; a wake that comes while we ask says that there may be more
        quantity = max(self._options.chunk, 2 * self._slots.wave(self._share))
        fresh = await session.claim(self._channel, quantity, self._provider())
        await self._look_up_links(session, fresh)
        flying = chain.from_iterable(self._flying.values())
        here = {item.message_id for item in (*self._claimed, *self._ready, *flying)}
        found = False
        for item in fresh:
            if item.message_id in here:
                # A lease of ours ran out and we were given the message again: one of it at a time.
                self._reporter.add(results.released(item))
            else:
                self._claimed.append(item)
                found = True
        pause = self._quiet.seconds(found=found)
        if self._dry_until:
            self._dry_until = time.monotonic() + pause
        if fresh:
            log_event(logging.DEBUG, "claimed", channel=self._channel, messages=len(fresh))

    async def _look_up_links(self, session: Session, fresh: Sequence[Claimed]) -> None:
        """Know the public URL before a message that needs it is sent; look again after a minute."""
        linker, now = self._linker, time.monotonic()
        if linker is None or now < self._links_known_until:
            return
        if any(linker.needs(item.content) for item in fresh):
            linker.public_url = await session.public_url()
            self._links_known_until = now + 60.0 if linker.public_url else 0.0

    async def _report(self, session: Session) -> None:
        self._release_lapsing()
        starting = self._next_wave()
        answer = await self._reporter.report(session, [self._started(item) for item in starting])
        for item in starting:
            self._claimed.remove(item)
            if answer.get(item.message_id) == "sending":
                self._ready.append(item)
            else:
                state = answer.get(item.message_id, "none")
                log_event(
                    logging.INFO, "skipped", channel=self._channel, message=item.message_id, state=state
                )
        self._flush_at = time.monotonic() + self._options.flush
        self._take_off()

    def _next_wave(self) -> list[Claimed]:
        wave = self._slots.wave(self._share)
        room = 2 * wave - len(self._ready)
        if self._stop_by is not None or room <= wave:
            return []
        return [self._claimed[index] for index in range(min(room, len(self._claimed)))]

    def _release_lapsing(self) -> None:
        """Give back what could not be delivered within its lease any more, and everything when stopping."""
        stopping = self._stop_by is not None
        kept: deque[Claimed] = deque()
        for item in self._claimed:
            if not stopping and self._fits(item, 0.5):
                kept.append(item)
            else:
                self._release(item)
        self._claimed = kept

    def _release(self, item: Claimed) -> None:
        self._reporter.add(results.released(item))
        log_event(logging.INFO, "released", channel=self._channel, message=item.message_id)

    # Delivering

    def _take_off(self) -> None:
        self._slots.want(self._share, len(self._ready))

    def _depart(self, count: int) -> None:
        items = tuple(self._ready.popleft() for _ in range(count))
        # Another database's lane may have made the room: what is logged from here on is ours all the same.
        task = asyncio.create_task(self._deliver(items), context=self._context.copy())
        self._flying[task] = items
        task.add_done_callback(self._landed, context=self._context)
        self._changed.set()

    def _landed(self, task: asyncio.Task[None]) -> None:
        items = self._flying.pop(task)
        if task.cancelled():
            # Cancelled before its first step: nothing has begun.
            for item in items:
                self._release(item)
        elif (error := task.exception()) is not None:
            for item in items:
                self._finish(item, Outcome.failed("unknown", code="exception", error=type(error).__name__))
        self._slots.give_back(self._share, len(items))
        self._changed.set()

    async def _deliver(self, items: Sequence[Claimed]) -> None:
        begun_at = time.monotonic()
        fitting, messages = [], []
        for item in items:
            if (outcome := self._asked_of_a_stranger(item)) is not None:
                self._finish(item, outcome)
            elif not self._fits(item, 0.25):
                self._release(item)
            elif (message := self._with_links(item)) is not None:
                fitting.append(item)
                messages.append(message)
        if not fitting:
            return
        trouble = await self._hand_over(messages, min(map(self._time_for, fitting)))
        for item, message in zip(fitting, messages, strict=True):
            outcome = message.handover.outcome
            if outcome is None and (trouble is not None or message.handover.may_have_begun):
                code, error = trouble or ("unsettled", "the transport returned without an outcome")
                outcome = Outcome.interrupted(message.handover, code=code, error=error)
            if outcome is None:
                self._release(item)
            else:
                self._finish(item, outcome, duration=time.monotonic() - begun_at)

    def _asked_of_a_stranger(self, item: Claimed) -> Outcome | None:
        """Return the outcome of what another provider may have taken: a person or the policy decides."""
        ours: tuple[str, ...] = getattr(self._transport, "providers", ())
        if item.asked_of is None or not ours or item.asked_of in ours:
            return None
        error = f"{item.asked_of} may have taken it already, and this sender delivers by {' or '.join(ours)}"
        return Outcome.failed("unknown", code="asked_of", error=error)

    def _with_links(self, item: Claimed) -> Message | None:
        """Return the message as it is to go; None if it cannot go without links that are not to be had."""
        try:
            linker = self._linker
            content = item.content if linker is None else linker.apply(item.message_id, item.content)
        except NoLinksError as error:
            self._finish(item, Outcome.failed("configuration", code="links", error=str(error)))
            return None
        return Message(
            item.message_id,
            item.attempt,
            content,
            Handover(),
            item.asked_of,
            item.content,
            origin=self._origin,
        )

    async def _hand_over(self, messages: Sequence[Message], limit: float) -> tuple[str, str] | None:
        """Let the transport set the outcomes; return the code and the error of what cut it short."""
        transport = self._transport
        try:
            async with asyncio.timeout(limit):
                if self._batches is not None and len(messages) > 1:
                    await self._batches.deliver_many(messages)
                else:
                    for message in messages:
                        message.handover.outcome = await transport.deliver(message)
        except TimeoutError:
            return "timeout", f"not done after {limit:.1f} s"
        except asyncio.CancelledError:
            return "stopped", "stopped while being delivered"
        except Exception as error:  # noqa: BLE001 - these messages fail, not the lane
            name = type(error).__name__
            log_event(logging.ERROR, "transport_fault", channel=self._channel, exception=name)
            return "exception", f"{name}: {error}"[:500]
        return None

    def _time_for(self, item: Claimed) -> float:
        """Return how long the delivery may take: well within the lease, so that its report comes in time."""
        margin = min(self._options.lease_margin, item.lease / 5)
        return min(self._options.delivery_timeout, item.lease_left() - margin)

    def _fits(self, item: Claimed, share: float) -> bool:
        """Whether a delivery gets its full time, or at least this share of the lease."""
        return self._time_for(item) >= min(self._options.delivery_timeout, item.lease * share)

    def _finish(self, item: Claimed, outcome: Outcome, *, duration: float | None = None) -> None:
        self._reporter.add(results.finished(item, outcome, self._redact))
        failed = outcome.outcome == "failed"
        # A recipient's own refusal quotes the address, which is nothing for a log.
        error = outcome.error if failed and outcome.fault != "recipient" else None
        log_event(
            logging.WARNING if failed else logging.INFO,
            outcome.outcome,
            channel=self._channel,
            message=item.message_id,
            attempt=item.attempt,
            fault=outcome.fault,
            code=outcome.code,
            error=error,
            provider_id=outcome.provider_id,
            ms=None if duration is None else round(duration * 1000),
        )

    # Waiting and stopping

    def _pause(self) -> float | None:
        """Return the seconds until there is something to do; None: only a change will bring something."""
        now = time.monotonic()
        idle = not self._flying and not self._ready
        moments = []
        if self._next_wave() or (
            len(self._reporter) and (idle or len(self._reporter) >= self._options.concurrency)
        ):
            return 0.0
        if len(self._reporter):
            moments.append(self._flush_at)
        if self._stop_by is not None and self._stop_by > now:
            moments.append(self._stop_by)
        if self._has_room():
            moments.append(self._dry_until)
        return max(0.0, min(moments) - now) if moments else None

    async def _wait_for_change(self, seconds: float | None) -> None:
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _wait_out(self, reason: str) -> bool:
        """Wait after trouble with the database; return False once a stop leaves no time for another try."""
        delay = self._backoff.next()
        log_event(
            logging.WARNING,
            "database_away",
            channel=self._channel,
            error=reason,
            retry_in=round(delay, 2),
            unreported=len(self._reporter),
        )
        until = time.monotonic() + delay
        while (left := self._until(until)) > 0:
            await self._wait_for_change(left)
            self._enforce_stop()
        return self._stop_by is None or time.monotonic() < self._stop_by

    def _until(self, moment: float) -> float:
        if self._stop_by is not None:
            moment = min(moment, self._stop_by)
        return moment - time.monotonic()

    def _enforce_stop(self) -> None:
        """Once the time to finish is over, end what is in flight and what has not begun."""
        if self._stop_by is None or time.monotonic() < self._stop_by:
            return
        while self._ready:
            item = self._ready.popleft()
            self._release(item)
        self._take_off()
        for task in self._flying:
            task.cancel()

    def _is_finished(self) -> bool:
        return self._stop_by is not None and not (
            self._claimed or self._ready or self._flying or len(self._reporter)
        )

    async def _cancel_flying(self) -> None:
        self._slots.want(self._share, 0)
        tasks = list(self._flying)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)


def batch_of(transport: Transport) -> int:
    """Return how many messages a transport takes in one request."""
    return transport.batch if isinstance(transport, BatchTransport) else 1

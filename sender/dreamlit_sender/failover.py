"""Two providers for one channel: the second delivers while the first is out.

A message goes on to the second only where it is certain that the first did not take it. Where that is in
doubt the outcome says so, the database holds the message or gives it out again with the name of the provider
that may have it, and then nobody else is asked.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from dreamlit_sender.breaker import Breaker
from dreamlit_sender.log import log_event
from dreamlit_sender.transport import BatchTransport, Message, Outcome, Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_ERROR = 500


class Branch:
    """One provider: its name in attempts, its transport and its breaker."""

    def __init__(self, name: str, transport: Transport, breaker: Breaker | None = None) -> None:
        self.name = name
        self.breaker = breaker or Breaker()
        self.last_error = ""
        self._transport = transport
        self.batch = transport.batch if isinstance(transport, BatchTransport) else 1

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Set the outcomes of the messages and tell the breaker about them."""
        try:
            transport = self._transport
            if isinstance(transport, BatchTransport) and transport.batch > 1 and len(messages) > 1:
                chunks = [messages[at : at + self.batch] for at in range(0, len(messages), self.batch)]
                await asyncio.gather(*(_together(transport, chunk) for chunk in chunks))
            else:
                await asyncio.gather(*(self._alone(message) for message in messages))
        finally:
            for message in messages:
                self._note(message)
            self.breaker.end_probe()

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _alone(self, message: Message) -> None:
        try:
            message.handover.outcome = await self._transport.deliver(message)
        except Exception as error:  # noqa: BLE001 - this message fails, not its neighbours
            text = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
            message.handover.outcome = Outcome.interrupted(message.handover, code="exception", error=text)

    def _note(self, message: Message) -> None:
        outcome = message.handover.outcome
        message.handover.provider = self.name
        if outcome is None:
            return
        message.handover.outcome = outcome = replace(outcome, provider=self.name)
        was_closed = self.breaker.closed
        if outcome.outcome == "sent" or outcome.fault == "recipient":
            self.breaker.succeed()
        else:
            self.last_error = f"{self.name}: {outcome.code or outcome.fault} {outcome.error or ''}".strip()
            if outcome.fault == "transient" and outcome.retry_after:
                self.breaker.hold(outcome.retry_after)
            else:
                self.breaker.fail()
        if was_closed != self.breaker.closed:
            level, event = (
                (logging.WARNING, "provider_out") if was_closed else (logging.INFO, "provider_back")
            )
            log_event(level, event, provider=self.name, code=outcome.code if was_closed else None)


async def _together(transport: BatchTransport, messages: Sequence[Message]) -> None:
    try:
        await transport.deliver_many(messages)
    except Exception as error:  # noqa: BLE001 - these messages fail, not their neighbours
        text = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        for message in messages:
            if message.handover.outcome is None and message.handover.may_have_begun:
                message.handover.outcome = Outcome.interrupted(message.handover, code="exception", error=text)


class FailoverTransport:
    """Delivers by the first of its branches whose breaker lets it."""

    # Which provider is asked is decided after the start was reported, so no start may say it is repeatable.
    idempotent = False

    def __init__(self, *branches: Branch) -> None:
        self._branches = branches
        self.batch = max(branch.batch for branch in branches)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers."""
        return tuple(branch.name for branch in self._branches)

    @property
    def provider(self) -> str:
        """The name of the one that delivers now."""
        ready = (branch.name for branch in self._branches if branch.breaker.ready())
        return next(ready, self._branches[0].name)

    async def deliver(self, message: Message) -> Outcome:
        """Deliver one message and return what the provider said that was asked last."""
        await self.deliver_many([message])
        outcome = message.handover.outcome
        return outcome or Outcome.interrupted(message.handover, code="unsettled", error="no outcome")

    async def deliver_many(self, messages: Sequence[Message]) -> None:
        """Deliver messages, those in doubt by the provider that may have them, and set their outcomes."""
        for message in messages:
            message.handover.not_yet()
        own = {
            branch.name: [message for message in messages if message.asked_of == branch.name]
            for branch in self._branches
        }
        free = [message for message in messages if message.asked_of not in own]
        await asyncio.gather(
            self._send(0, free),
            *(branch.deliver(own[branch.name]) for branch in self._branches if own[branch.name]),
        )

    async def aclose(self) -> None:
        """Close all transports."""
        for branch in self._branches:
            await branch.aclose()

    async def _send(self, at: int, messages: Sequence[Message]) -> None:
        """By this branch what its breaker admits, by the next ones what is left."""
        if not messages:
            return
        if at == len(self._branches):
            for message in messages:
                message.handover.outcome = self._all_out()
            return
        admitted = self._branches[at].breaker.admit(len(messages))
        await asyncio.gather(
            self._hand_over(at, messages[:admitted]), self._send(at + 1, messages[admitted:])
        )

    async def _hand_over(self, at: int, messages: Sequence[Message]) -> None:
        if not messages:
            return
        branch = self._branches[at]
        await branch.deliver(messages)
        moving: dict[int, Outcome] = {}
        for message in messages:
            outcome = message.handover.outcome
            if outcome is not None and self._goes_on(at, outcome):
                moving[message.message_id] = outcome
                message.handover.outcome = None
                message.handover.not_yet()
        going = [message for message in messages if message.message_id in moving]
        await self._send(at + 1, going)
        for message in going:
            message.handover.outcome = _noted(moving[message.message_id], message.handover.outcome)

    def _goes_on(self, at: int, outcome: Outcome) -> bool:
        """Whether the branch surely did not take it, is out, and another one is there."""
        if outcome.doubtful or outcome.fault not in ("configuration", "transient"):
            return False
        if outcome.fault == "transient" and self._branches[at].breaker.closed:
            return False
        return any(branch.breaker.ready() for branch in self._branches[at + 1 :])

    def _all_out(self) -> Outcome:
        """What stops the channel, and tells the owner, until one may be asked again."""
        errors = "; ".join(branch.last_error for branch in self._branches)
        wait = min(branch.breaker.opens_in() for branch in self._branches)
        return Outcome.failed(
            "configuration",
            code="providers_out",
            error=f"no provider is there: {errors}"[:_LONGEST_ERROR],
            retry_after=wait or None,
        )


def _noted(first: Outcome, second: Outcome | None) -> Outcome | None:
    """Return the second's outcome, which says why it was not the first's."""
    if second is None:
        return None
    note = f"{first.provider}: {first.code or first.fault} {first.error or ''}".strip()
    return replace(second, error="; ".join(filter(None, [second.error, note]))[:_LONGEST_ERROR])

"""What a transport is: it takes one message and returns what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

Fault = Literal["recipient", "configuration", "transient", "unknown"]


class Handover:
    """How far a delivery got, for the case that it ends in an exception, a timeout or a cancellation.

    A transport calls `not_yet` once it knows that nothing can have been accepted, and `begins` just before
    the bytes that could make the provider accept the message. One that says nothing is taken to have begun.
    """

    __slots__ = ("may_have_begun",)

    def __init__(self) -> None:
        self.may_have_begun = True

    def not_yet(self) -> None:
        """Nothing that the provider could accept has been handed over so far."""
        self.may_have_begun = False

    def begins(self) -> None:
        """From here on the provider may have accepted the message."""
        self.may_have_begun = True


@dataclass(frozen=True, slots=True)
class Message:
    """One claimed message, rendered and ready to send. `content` is as `dreamlit.claim` gave it."""

    message_id: int
    attempt: int
    content: Mapping[str, Any]
    handover: Handover = field(default_factory=Handover, compare=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. `retry_after` is in seconds, and only if the provider said so."""

    outcome: Literal["sent", "failed"]
    fault: Fault | None = None
    code: str | None = None
    error: str | None = None
    retry_after: float | None = None
    provider: str | None = None
    provider_id: str | None = None

    @classmethod
    def sent(cls, *, provider: str, provider_id: str | None = None, error: str | None = None) -> Outcome:
        """The provider accepted the message; `error` notes what it refused on the side (a cc, say)."""
        return cls("sent", provider=provider, provider_id=provider_id, error=error)

    @classmethod
    def failed(
        cls,
        fault: Fault,
        *,
        code: str | None = None,
        error: str | None = None,
        retry_after: float | None = None,
        provider: str | None = None,
    ) -> Outcome:
        """The message was not accepted, or with fault "unknown": nobody can say whether it was."""
        return cls("failed", fault, code, error, retry_after, provider)

    @classmethod
    def interrupted(cls, handover: Handover, *, code: str, error: str) -> Outcome:
        """A delivery that ended without an answer: unknown if it may have begun, else transient."""
        return cls.failed("unknown" if handover.may_have_begun else "transient", code=code, error=error)


class Transport(Protocol):
    """One way to deliver messages. `deliver` is called concurrently and may be cancelled at any point."""

    async def deliver(self, message: Message) -> Outcome:
        """Deliver one message and return what became of it; every foreseeable failure is an Outcome."""
        ...

    async def aclose(self) -> None:
        """Give back connections. Called once, after the last delivery."""
        ...

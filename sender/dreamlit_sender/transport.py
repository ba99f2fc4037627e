"""What a transport is: it takes one message and returns what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Fault = Literal["recipient", "configuration", "transient", "unknown"]


class Handover:
    """How far a delivery got, for the case that it ends in an exception, a timeout or a cancellation.

    A transport calls `not_yet` once it knows that nothing can have been accepted, and `begins` just before
    the bytes that could make the provider accept the message. One that says nothing is taken to have begun.
    `repeatable` is set where the provider itself makes a second handover of the same message harmless, and
    `outcome` as soon as it is known, so that an interruption of the whole batch does not lose it.
    `provider` is who was asked, once anybody was.
    """

    __slots__ = ("may_have_begun", "outcome", "provider", "repeatable")

    def __init__(self) -> None:
        self.may_have_begun = True
        self.repeatable = False
        self.provider: str | None = None
        self.outcome: Outcome | None = None

    def not_yet(self) -> None:
        """Nothing that the provider could accept has been handed over so far."""
        self.may_have_begun = False

    def begins(self) -> None:
        """From here on the provider may have accepted the message."""
        self.may_have_begun = True


@dataclass(frozen=True, slots=True)
class Message:
    """One claimed message, rendered and ready to send.

    `asked_of` is the provider that may have taken it at an earlier attempt: no other may be asked. `stored`
    is what `dreamlit.claim` gave, where links have changed the content since; it is the same at every
    attempt, whatever becomes of the secret and the address of the links meanwhile.
    `origin` is the name of its database where a sender serves several: an id is one database's own.
    """

    message_id: int
    attempt: int
    content: Mapping[str, Any]
    handover: Handover = field(default_factory=Handover, compare=False)
    asked_of: str | None = None
    stored: Mapping[str, Any] | None = field(default=None, compare=False)
    origin: str | None = field(default=None, kw_only=True)

    @property
    def key(self) -> str:
        """What names the message to the outside, the same at every attempt."""
        return str(self.message_id) if self.origin is None else f"{self.origin}.{self.message_id}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. `retry_after` is in seconds, and only if the provider said so.

    `doubtful` goes with a failure that may be repeated: the provider may have taken the message, and only the
    same one, which would know it again, may be asked again.
    """

    outcome: Literal["sent", "failed"]
    fault: Fault | None = None
    code: str | None = None
    error: str | None = None
    retry_after: float | None = None
    provider: str | None = None
    provider_id: str | None = None
    doubtful: bool = False

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
        """A delivery that ended without an answer: unknown if it may have begun and must not be repeated."""
        begun, provider = handover.may_have_begun, handover.provider
        if begun and not handover.repeatable:
            return cls.failed("unknown", code=code, error=error, provider=provider)
        return cls("failed", "transient", code, error, provider=provider, doubtful=begun)


class Transport(Protocol):
    """One way to deliver messages. `deliver` is called concurrently and may be cancelled at any point."""

    async def deliver(self, message: Message) -> Outcome:
        """Deliver one message and return what became of it; every foreseeable failure is an Outcome."""
        ...

    async def aclose(self) -> None:
        """Give back connections. Called once, after the last delivery."""
        ...


@runtime_checkable
class BatchTransport(Transport, Protocol):
    """A transport that can hand over up to `batch` messages in one request.

    `idempotent` says that every handover of it may be repeated, so that a delivery that was interrupted can
    be tried again whoever interrupted it.
    """

    batch: int
    idempotent: bool

    async def deliver_many(self, messages: Sequence[Message]) -> None:
        """Deliver up to `batch` messages and set the `outcome` of each one's handover once it is known.

        A message that is left without one has not been handed over.
        """
        ...

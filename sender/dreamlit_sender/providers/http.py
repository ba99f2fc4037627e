"""What the providers share: a transport that sends their requests, in batches where they take them.

An API is asked for requests and told about answers; it does no input or output of its own. Whose fault an
answer is, each API says by the provider's own error codes; `by_status` is for what they leave open.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dreamlit_sender import web
from dreamlit_sender.attachments import Fetcher
from dreamlit_sender.message import NoSenderError, Parts, UnfitContentError, read_parts
from dreamlit_sender.transport import Fault, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

# What a batch waits for at most, while it holds a place in the lane, before it is given back as rate limited.
_LONGEST_PAUSE = 5.0
# Messages of a batch that are read before others in the loop, such as the next claim, have their turn.
_AT_A_STRETCH = 10
_STATUS_FAULTS: Mapping[int, Fault] = {
    401: "configuration",
    402: "configuration",
    403: "configuration",
    404: "configuration",
    405: "configuration",
    406: "configuration",
    407: "configuration",
    408: "transient",
    410: "configuration",
    415: "configuration",
    425: "transient",
    429: "transient",
    503: "transient",
}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One POST."""

    url: str
    content: bytes
    headers: Mapping[str, str]


class Api(Protocol):
    """One provider's API. `keyed` says that requests with the same key are accepted once.

    `ascii_only` says that it takes no mailbox outside ASCII, for which there is no other spelling.
    """

    name: str
    keyed: bool
    ascii_only: bool

    def request(self, parts: Parts, key: str) -> ApiRequest:
        """Return the request that sends one message."""
        ...

    def outcome(self, response: httpx.Response) -> Outcome:
        """Return what the answer to it means."""
        ...


@runtime_checkable
class BatchApi(Api, Protocol):
    """An API that takes up to `largest_batch` messages in one request, some of them without files only."""

    largest_batch: int
    files_in_batches: bool

    def batch_request(self, parts: Sequence[Parts], key: str) -> ApiRequest:
        """Return the request that sends several messages."""
        ...

    def batch_outcomes(self, response: httpx.Response, size: int) -> list[Outcome] | Outcome:
        """Return what the answer means for each message, or one outcome if it is about the request itself."""
        ...


@dataclass(frozen=True, slots=True)
class _Item:
    message: Message
    parts: Parts


class ProviderTransport:
    """Delivers e-mail by a provider's API. `batch` 1 sends every message in a request of its own.

    `pauses` are the seconds between the tries of one batch, whose key nobody could repeat later.
    """

    def __init__(
        self,
        api: Api,
        *,
        sender_from: str | None = None,
        connections: int = 16,
        timeout: float = 15.0,
        batch: int | None = None,
        pauses: Sequence[float] = (1.0, 2.0),
        fetcher: Fetcher | None = None,
    ) -> None:
        largest = api.largest_batch if isinstance(api, BatchApi) else 1
        self.batch = min(batch or largest, largest)
        self.idempotent = api.keyed and self.batch == 1
        self.provider = api.name
        self.providers = (api.name,)
        self._api = api
        self._takes_files = isinstance(api, BatchApi) and api.files_in_batches
        self._from = sender_from
        self._pauses = pauses
        self._fetcher = fetcher or Fetcher()
        self._connections = web.Connections(timeout, connections)

    async def deliver(self, message: Message) -> Outcome:
        """Deliver one message and return what the provider said."""
        message.handover.not_yet()
        item = await self._item(message)
        return item if isinstance(item, Outcome) else await self._send(item)

    async def deliver_many(self, messages: Sequence[Message]) -> None:
        """Deliver messages, as many as possible in one request, and set their outcomes."""
        together, alone = [], []
        for message in messages:
            message.handover.not_yet()
        for number, message in enumerate(messages):
            if number % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)
            item = await self._item(message)
            if isinstance(item, Outcome):
                message.handover.outcome = item
            elif item.parts.files and not self._takes_files:
                alone.append(item)
            elif self._api.keyed and message.attempt > 1:
                # An earlier attempt may have been accepted under the key of this message alone.
                alone.append(item)
            else:
                together.append(item)
        await self._send_together(together)
        for item in alone:
            outcome = item.message.handover.outcome = await self._send(item)
            if outcome.fault == "configuration" or outcome.retry_after:
                return

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

    async def _item(self, message: Message) -> _Item | Outcome:
        complete = await self._fetcher.complete(message, self._api.name)
        return complete if isinstance(complete, Outcome) else self._read(complete)

    def _read(self, message: Message) -> _Item | Outcome:
        try:
            read = read_parts(message.message_id, message.content, default_from=self._from, key=message.key)
        except UnfitContentError as error:
            return failed(self._api.name, "recipient", error.code, str(error))
        except NoSenderError as error:
            return failed(self._api.name, "configuration", "from", str(error))
        parts = read if message.origin is None else replace(read, origin=message.origin)
        if parts.needs_utf8 and self._api.ascii_only:
            name = self._api.name
            return failed(name, "recipient", "smtputf8", f"{name} takes no mailboxes outside ASCII")
        return _Item(message, parts)

    async def _send(self, item: _Item) -> Outcome:
        handover = item.message.handover
        request = self._api.request(item.parts, message_key(item.message))
        handover.repeatable = self._api.keyed
        answer = await self._post(request, [item])
        return answer if isinstance(answer, Outcome) else self._api.outcome(answer)

    async def _send_together(self, items: Sequence[_Item]) -> None:
        """Send a batch; one refused as a whole for what is in it is halved until that stands alone."""
        if not items:
            return
        if len(items) == 1 or not isinstance(self._api, BatchApi):
            for item in items:
                item.message.handover.outcome = await self._send(item)
            return
        outcomes = await self._outcomes_of_batch(self._api, items)
        if isinstance(outcomes, Outcome):
            if outcomes.fault == "recipient":
                middle = len(items) // 2
                for half in (items[:middle], items[middle:]):
                    await self._send_together(half)
                return
            outcomes = [outcomes] * len(items)
        for item, outcome in zip(items, outcomes, strict=True):
            item.message.handover.outcome = outcome

    async def _outcomes_of_batch(self, api: BatchApi, items: Sequence[_Item]) -> list[Outcome] | Outcome:
        """Send a batch, and the same again with the same key while that can clear a doubt or a rate limit."""
        request = api.batch_request([item.parts for item in items], batch_key([i.message for i in items]))
        doubt: Outcome | None = None
        for pause in (*self._pauses, None):
            answer = await self._post(request, items)
            outcomes = answer if isinstance(answer, Outcome) else api.batch_outcomes(answer, len(items))
            if not isinstance(outcomes, Outcome):
                return outcomes
            if outcomes.fault == "unknown":
                doubt = outcomes
            elif outcomes.fault == "recipient":
                # Had an earlier try been accepted, its answer would have come again instead of a refusal.
                doubt = None
            _mark(items, doubtful=doubt is not None)
            wait = max(pause or 0.0, outcomes.retry_after or 0.0)
            repeatable = api.keyed and outcomes.fault in ("unknown", "transient")
            if pause is None or not repeatable or wait > _LONGEST_PAUSE:
                break
            await asyncio.sleep(wait)
        return doubt or outcomes

    async def _post(self, request: ApiRequest, items: Sequence[_Item]) -> httpx.Response | Outcome:
        return await self._connections.post(
            request.url,
            request.content,
            request.headers,
            [item.message.handover for item in items],
            provider=self._api.name,
        )


def _mark(items: Sequence[_Item], *, doubtful: bool) -> None:
    for item in items:
        if doubtful:
            item.message.handover.begins()
        else:
            item.message.handover.not_yet()


def message_key(message: Message) -> str:
    """Return the key of a message, the same at every attempt.

    The id alone would be the same for two databases that share an account; the content, which is rendered
    once and stored, tells them apart.
    """
    stored = message.content if message.stored is None else message.stored
    content = json.dumps(stored, sort_keys=True, default=str).encode()
    return f"dreamlit-{message.key}-{hashlib.sha256(content).hexdigest()[:32]}"


def batch_key(messages: Sequence[Message]) -> str:
    """Return the key of a batch: of these messages in this order."""
    keys = "\n".join(map(message_key, messages)).encode()
    return f"dreamlit-batch-{hashlib.sha256(keys).hexdigest()}"


def json_content(document: Any) -> bytes:
    """Return a request's JSON body."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")


def failed(
    provider: str, fault: Fault, code: str, error: str, response: httpx.Response | None = None
) -> Outcome:
    """Return a failure. What lies in the message itself holds up no other, so it carries no Retry-After."""
    wait = None if response is None or fault == "recipient" else web.retry_after(response)
    return Outcome.failed(fault, code=code[:100], error=error[:500], retry_after=wait, provider=provider)


def by_status(provider: str, response: httpx.Response, detail: str = "") -> Outcome:
    """Return what an answer means of which only the status can be understood.

    Of the 5xx only 503 says that the request was not worked on: behind a 500, 502 or 504 it may have been.
    """
    status = response.status_code
    error = f"HTTP {status}: {detail}" if detail else f"HTTP {status}"
    if 200 <= status < 300:
        return failed(provider, "unknown", "bad_reply", f"{error}, with an answer that is not {provider}'s")
    fault = _STATUS_FAULTS.get(status)
    if fault is None:
        fault = "unknown" if status >= 500 else "recipient" if status >= 400 else "configuration"
    return failed(provider, fault, str(status), error, response)

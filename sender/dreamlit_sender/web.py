"""For transports over HTTP: connections, a POST that knows how far it got, and how to read an answer."""

from __future__ import annotations

import asyncio
import functools
import math
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from dreamlit_sender.transport import Handover, Outcome

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping, Sequence


@functools.cache
def tls() -> ssl.SSLContext:
    """Return the context of all connections."""
    # Reading the authorities takes longer than everything else that a client does at its start.
    return httpx.create_ssl_context()


def new_client(timeout: float, connections: int) -> httpx.AsyncClient:
    """Return a client that keeps up to `connections` open and follows no redirects."""
    return httpx.AsyncClient(
        http1=True,
        http2=False,
        verify=tls(),
        timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
        limits=httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=5.0
        ),
        follow_redirects=False,
    )


class Connections:
    """Up to `connections` at once, each a client of its own; who is done last is asked first.

    One client's pool looks at all of its connections before each request and after it.
    """

    def __init__(self, timeout: float, connections: int) -> None:
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[httpx.AsyncClient] = []

    async def post(
        self,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        handovers: Sequence[Handover],
        *,
        provider: str,
    ) -> httpx.Response | Outcome:
        """Return the response, or what it means that there was none; the handovers go with the request."""

        async def trace(event: str, _: object) -> None:
            # A request is acted upon once its body is complete, never before the body has begun.
            if event.endswith("send_request_body.started"):
                for handover in handovers:
                    handover.provider = provider
                    handover.begins()

        try:
            async with self._client() as client:
                return await client.post(url, content=content, headers=headers, extensions={"trace": trace})
        except httpx.HTTPError as error:
            return _no_response(error, handovers, provider)
        except (httpx.InvalidURL, httpx.CookieConflict) as error:
            return Outcome.failed("configuration", code="url", error=type(error).__name__, provider=provider)

    async def aclose(self) -> None:
        """Close all that are open."""
        while self._idle:
            await self._idle.pop().aclose()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self._slots:
            client = self._idle.pop() if self._idle else new_client(self._timeout, 1)
            try:
                yield client
            finally:
                self._idle.append(client)


def _no_response(error: httpx.HTTPError, handovers: Sequence[Handover], provider: str) -> Outcome:
    text = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.ProxyError)):
        return Outcome.failed("configuration", code="connect", error=text, provider=provider)
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Outcome.failed("configuration", code="tls", error=text, provider=provider)
    if isinstance(error, (httpx.WriteError, httpx.WriteTimeout)):
        # The request was not written to its end, so nobody can have read it to its end.
        for handover in handovers:
            handover.not_yet()
    if not any(handover.may_have_begun for handover in handovers):
        code = "timeout" if isinstance(error, httpx.TimeoutException) else "connect"
        return Outcome.failed("transient", code=code, error=text, provider=provider)
    if all(handover.repeatable for handover in handovers):
        return Outcome("failed", "transient", "no_reply", text, provider=provider, doubtful=True)
    return Outcome.failed("unknown", code="no_reply", error=text, provider=provider)


def json_object(response: httpx.Response) -> dict[str, Any] | None:
    """Return the answer's JSON object, None if it is anything else."""
    document = json_value(response)
    return document if isinstance(document, dict) else None


def json_value(response: httpx.Response) -> Any:
    """Return the answer's JSON value, None if it is no JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds to wait if the answer says so in Retry-After, as a number or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return seconds_until(text)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def seconds_until(date: str) -> float | None:
    """Return the seconds until a date as mail and HTTP write it, None if it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())

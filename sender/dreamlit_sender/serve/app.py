"""The routes. Only a POST changes anything for a person; opens and clicks need no database to be answered."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from dreamlit_sender.links import BadTokenError, Purpose, Signer, Token, may_redirect
from dreamlit_sender.log import log_event
from dreamlit_sender.serve.machines import is_machine
from dreamlit_sender.serve.metrics import render
from dreamlit_sender.serve.pages import Brand, masked, page
from dreamlit_sender.serve.payloads import UnreadableError, read_events
from dreamlit_sender.serve.signatures import BadSignatureError, build_verifier, is_of_sns
from dreamlit_sender.serve.store import Buffer, Store, StoreAwayError, StoreRefusedError
from dreamlit_sender.web import new_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dreamlit_sender.config import Config
    from dreamlit_sender.serve.payloads import Event
    from dreamlit_sender.serve.signatures import Verifier

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_FORM_LIMIT = 64 * 1024
_WEBHOOK_LIMIT = 4 * 1024 * 1024
_BODY_SECONDS = 20.0
_BRAND_SECONDS = 60.0
_HEADERS = {
    "Cache-Control": "no-store, max-age=0",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_RETRY = {"Retry-After": "60"}


class _TooLargeError(Exception):
    """The body is larger than anything that is meant."""


@dataclass
class _Cached:
    """Something that is asked for at most so often."""

    value: Any = None
    until: float = 0.0


@dataclass
class Site:
    """What the routes share."""

    store: Store
    buffer: Buffer
    signer: Signer | None
    verifiers: Mapping[str, Verifier]
    confirm: Callable[[str], Awaitable[None]]
    metrics_token: str | None = None
    database: str | None = None
    counts: dict[tuple[str, int], int] = field(default_factory=dict)
    elsewhere: int = 0
    _brand: _Cached = field(default_factory=_Cached)
    _samples: _Cached = field(default_factory=_Cached)

    async def brand(self) -> Brand:
        """Return the brand; the last one known if the database does not answer."""
        now = time.monotonic()
        if now >= self._brand.until:
            # Set first: a page may wait for a database that is away, not every page.
            self._brand.until = now + _BRAND_SECONDS
            try:
                self._brand.value = Brand.of(await self.store.brand())
            except (StoreAwayError, StoreRefusedError):
                self._brand.until = now + 5.0
        found: Brand = self._brand.value or Brand()
        return found

    async def samples(self) -> list[tuple[str, Mapping[str, str], float]] | None:
        """Return the engine's samples, of the last seconds; None if the database does not answer."""
        now = time.monotonic()
        if now >= self._samples.until:
            try:
                self._samples.value = await self.store.metrics()
            except (StoreAwayError, StoreRefusedError):
                self._samples.value = None
            self._samples.until = now + 3.0
        found: list[tuple[str, Mapping[str, str], float]] | None = self._samples.value
        return found

    def read(self, purpose: Purpose, text: str) -> Token | None:
        """Return what a token says, None if it is none of ours."""
        try:
            return self.signer.read(purpose, text) if self.signer is not None else None
        except BadTokenError:
            return None

    def own(self, events: list[Event]) -> list[Event]:
        """Return the events of this database's messages, and count those that name another."""
        named = [event.pop("database", None) for event in events]
        here = [name is None or self.database in (None, name) for name in named]
        self.elsewhere += here.count(False)
        return [event for event, kept in zip(events, here, strict=True) if kept]

    def preferences_link(self, token: Token) -> str:
        """Return the path from a page to the preferences of the same person."""
        return f"../p/{self.signer.sign('preferences', token)}" if self.signer is not None else ""


def build_app(config: Config, *, store: Store | None = None) -> Starlette:
    """Return the application; it connects when it starts, and writes what is left when it stops."""
    opened = store or Store(config.dsn.reveal())
    client = new_client(10.0, 4)
    site = Site(
        store=opened,
        buffer=Buffer(opened),
        signer=Signer(config.link_secret) if config.link_secret is not None else None,
        verifiers={
            provider: build_verifier(provider, secret, fetch=lambda url: _fetch(client, url))
            for provider, secret in config.webhooks.items()
        },
        confirm=lambda url: _confirm(client, url),
        metrics_token=config.metrics_token.reveal() if config.metrics_token is not None else None,
        database=config.databases[0].name,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        await opened.open()
        site.buffer.start()
        try:
            yield
        finally:
            await site.buffer.aclose()
            await opened.aclose()
            await client.aclose()

    def route(path: str, handler: Callable[[Request, Site], Awaitable[Response]], *methods: str) -> Route:
        async def endpoint(request: Request) -> Response:
            return await handler(request, site)

        return Route(path, endpoint, methods=list(methods))

    app = Starlette(
        routes=[
            route("/o/{token}.gif", _open, "GET", "HEAD"),
            route("/c/{token}", _click, "GET", "HEAD"),
            route("/u/{token}", _ask, "GET", "HEAD"),
            route("/u/{token}", _unsubscribe, "POST"),
            route("/p/{token}", _preferences, "GET", "HEAD"),
            route("/p/{token}", _set_preferences, "POST"),
            route("/webhooks/{provider}", _webhook, "POST"),
            route("/health", _health, "GET", "HEAD"),
            route("/metrics", _metrics, "GET"),
        ],
        lifespan=lifespan,
        exception_handlers={_TooLargeError: _too_large},
    )
    app.state.site = site
    app.add_middleware(_Outer, site=site)
    return app


class _Outer:
    """Puts the headers that every answer has, and counts the answers by route and status."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                first = scope["path"].split("/", 2)[1]
                known = first if first in ("o", "c", "u", "p", "webhooks", "health", "metrics") else "other"
                counts, key = self._site.counts, (known, message["status"])
                counts[key] = counts.get(key, 0) + 1
            await send(message)

        await self._app(scope, receive, counted)


# Opens and clicks


async def _open(request: Request, site: Site) -> Response:
    token = site.read("open", request.path_params["token"])
    if token is None:
        return Response(status_code=404)
    site.buffer.add(_engagement(request, "opened", token))
    return Response(_PIXEL, media_type="image/gif")


async def _click(request: Request, site: Site) -> Response:
    token = site.read("click", request.path_params["token"])
    if token is None or not may_redirect(token.url):
        return await _not_ours(site)
    site.buffer.add(_engagement(request, "clicked", token))
    return RedirectResponse(token.url, 302)


def _engagement(request: Request, kind: str, token: Token) -> Event:
    machine = is_machine(request.method, request.headers)
    # One event a minute, however often it is asked for: the key makes the others the same event.
    minute = int(time.time()) // 60
    parts = f"{kind}:{token.message_id}:{minute}:{machine}:{token.url}"
    return {
        "provider": "dreamlit",
        "event_id": hashlib.sha256(parts.encode()).hexdigest()[:32],
        "kind": kind,
        "at": datetime.now(UTC).isoformat(),
        "message_id": token.message_id,
        "provider_id": None,
        "recipient": None,
        "bounce": None,
        "url": token.url or None,
        "user_agent": _plain(request.headers.get("user-agent", ""))[:500] or None,
        "machine": machine,
        "raw": {"method": request.method},
    }


# Pages


async def _ask(request: Request, site: Site) -> Response:
    token = site.read("unsubscribe", request.path_params["token"])
    if token is None:
        return await _not_ours(site)
    return page("ask", "Unsubscribe", await site.brand(), preferences=site.preferences_link(token))


async def _unsubscribe(request: Request, site: Site) -> Response:
    token = site.read("unsubscribe", request.path_params["token"])
    if token is None:
        return await _not_ours(site)
    # RFC 8058 has mail programs send List-Unsubscribe=One-Click as a form of either kind. Whoever posts here
    # wants to be left alone, so a body in any other shape is no reason to refuse.
    via = "page" if ("confirm", "yes") in await _form(request) else "one-click"
    brand = await site.brand()
    try:
        topic = await site.store.unsubscribe(token.message_id, token.recipient, via)
    except StoreRefusedError as error:
        log_event(logging.WARNING, "unsubscribe_refused", message=token.message_id, error=str(error))
        return _expired(brand)
    except StoreAwayError as error:
        return _away(brand, error)
    log_event(logging.INFO, "unsubscribed", message=token.message_id, via=via)
    link = site.preferences_link(token)
    return page(
        "gone", "You are unsubscribed", brand, topic=None if topic == "all" else topic, preferences=link
    )


async def _preferences(request: Request, site: Site) -> Response:
    return await _with_person(request, site, _show_preferences)


async def _set_preferences(request: Request, site: Site) -> Response:
    form = await _form(request)

    async def save(site: Site, brand: Brand, message_id: int, recipient: str) -> Response:
        # Only what stood on the page: a topic that is new since then was not refused.
        known = {one.topic for one in await site.store.preferences(message_id, recipient)}
        chosen = {value for name, value in form if name == "topic"}
        choices = {value: value in chosen for name, value in form if name == "shown" and value in known}
        choices["*"] = ("nothing", "yes") not in form
        await site.store.set_preferences(message_id, recipient, choices)
        log_event(logging.INFO, "preferences_set", message=message_id)
        return await _show_preferences(site, brand, message_id, recipient, saved=True)

    return await _with_person(request, site, save)


async def _show_preferences(
    site: Site, brand: Brand, message_id: int, recipient: str, *, saved: bool = False
) -> Response:
    found = await site.store.preferences(message_id, recipient)
    return page(
        "preferences",
        "Email preferences",
        brand,
        saved=saved,
        recipient=masked(recipient),
        topics=[one for one in found if one.topic is not None],
        nothing=any(one.topic is None and not one.subscribed for one in found),
    )


async def _with_person(
    request: Request, site: Site, show: Callable[[Site, Brand, int, str], Awaitable[Response]]
) -> Response:
    token = site.read("preferences", request.path_params["token"])
    if token is None:
        return await _not_ours(site)
    brand = await site.brand()
    try:
        return await show(site, brand, token.message_id, token.recipient)
    except StoreRefusedError as error:
        log_event(logging.WARNING, "preferences_refused", message=token.message_id, error=str(error))
        return _expired(brand)
    except StoreAwayError as error:
        return _away(brand, error)


async def _not_ours(site: Site) -> Response:
    text = "This link is not complete. Open it from the email again, or copy it whole."
    return page("message", "This link does not work", await site.brand(), status=404, text=text)


def _expired(brand: Brand) -> Response:
    text = "This email is too old for its links to work. Use the link in a newer one, or answer it."
    return page("message", "This link has expired", brand, status=410, text=text)


def _away(brand: Brand, error: StoreAwayError) -> Response:
    log_event(logging.WARNING, "database_away", purpose="serve", error=str(error))
    text = "Nothing has been changed. Please try again in a minute."
    response = page("message", "That did not work just now", brand, status=503, text=text)
    response.headers.update(_RETRY)
    return response


# Webhooks


async def _webhook(request: Request, site: Site) -> Response:
    provider = request.path_params["provider"]
    verifier = site.verifiers.get(provider)
    if verifier is None:
        return Response(status_code=404)
    body = await _body(request, _WEBHOOK_LIMIT)
    if (refusal := await _refusal(verifier, provider, request.headers, body)) is not None:
        return refusal
    if provider == "ses" and (url := _subscription(body)) is not None:
        return await _subscribe(site, url)
    try:
        events = site.own(read_events(provider, request.headers, body))
        new = await _record(site, provider, events)
    except UnreadableError as error:
        log_event(logging.ERROR, "webhook_not_understood", error=str(error))
        return PlainTextResponse("not understood", 422)
    except StoreAwayError as error:
        log_event(logging.WARNING, "database_away", purpose="serve", error=str(error))
        return Response(status_code=503, headers=_RETRY)
    log_event(logging.DEBUG, "webhook", provider=provider, events=len(events), new=new)
    return Response(status_code=200)


async def _refusal(
    verifier: Verifier, provider: str, headers: Mapping[str, str], body: bytes
) -> Response | None:
    """Return the answer to a request that is not surely the provider's."""
    try:
        await verifier.verify(headers, body)
    except BadSignatureError as error:
        log_event(logging.WARNING, "webhook_refused", provider=provider, error=str(error))
        return PlainTextResponse("not signed by the provider", 401)
    except (OSError, httpx.HTTPError) as error:
        log_event(logging.WARNING, "webhook_unverified", provider=provider, error=type(error).__name__)
        return Response(status_code=503, headers=_RETRY)
    return None


async def _record(site: Site, provider: str, events: list[Event]) -> int:
    """Return how many were new. One that the database refuses is logged, and takes no other with it."""
    if not events:
        return 0
    try:
        return await site.store.record(events)
    except StoreRefusedError as error:
        if len(events) == 1:
            log_event(logging.ERROR, "engagement_refused", provider=provider, error=str(error))
            return 0
    return sum([await _record(site, provider, [event]) for event in events])


def _subscription(body: bytes) -> str | None:
    """Return the address that confirms a subscription of SNS, None for an ordinary notification."""
    envelope = json.loads(body)
    return envelope["SubscribeURL"] if envelope["Type"] == "SubscriptionConfirmation" else None


async def _subscribe(site: Site, url: str) -> Response:
    if not is_of_sns(url):
        log_event(logging.WARNING, "webhook_refused", provider="ses", error="SubscribeURL")
        return PlainTextResponse("not of SNS", 401)
    try:
        await site.confirm(url)
    except (OSError, httpx.HTTPError) as error:
        log_event(logging.WARNING, "subscription_unconfirmed", provider="ses", error=type(error).__name__)
        return Response(status_code=503, headers=_RETRY)
    log_event(logging.INFO, "subscription_confirmed", provider="ses")
    return Response(status_code=200)


async def _fetch(client: httpx.AsyncClient, url: str) -> bytes:
    response = (await client.get(url)).raise_for_status()
    return response.content


async def _confirm(client: httpx.AsyncClient, url: str) -> None:
    (await client.get(url)).raise_for_status()


# Health and metrics


async def _health(request: Request, site: Site) -> Response:
    samples = await site.samples()
    if samples is None:
        return JSONResponse({"status": "unavailable", "database": "away"}, 503, _RETRY)
    answer: dict[str, Any] = {"status": "ok", "database": "ok"}
    if _may_see(request, site):
        ages = [value for name, _, value in samples if name == "queue_oldest_seconds"]
        answer["oldest_queued_seconds"] = max(ages, default=0.0)
        answer["last_work_seconds"] = next((v for name, _, v in samples if name == "last_work_seconds"), None)
        answer["checks"] = {
            labels["check"]: ("ok", "warning", "critical")[int(value)]
            for name, labels, value in samples
            if name == "check_state"
        }
        answer["buffered_events"] = len(site.buffer)
    return JSONResponse(answer)


async def _metrics(request: Request, site: Site) -> Response:
    if not _may_see(request, site):
        return Response(status_code=404)
    samples = await site.samples()
    own: list[tuple[str, Mapping[str, str], float]] = [
        ("database_up", {}, float(samples is not None)),
        ("serve_events_buffered", {}, float(len(site.buffer))),
        ("serve_events_written_total", {}, float(site.buffer.written)),
        ("serve_events_dropped_total", {}, float(site.buffer.dropped)),
        ("serve_events_elsewhere_total", {}, float(site.elsewhere)),
        *(
            ("serve_requests_total", {"route": route, "status": str(status)}, float(count))
            for (route, status), count in sorted(site.counts.items())
        ),
    ]
    return PlainTextResponse(
        render([*own, *(samples or ())]), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def _may_see(request: Request, site: Site) -> bool:
    """With a token, who has it; without one, whoever comes straight here and not through the public proxy."""
    if site.metrics_token is not None:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {site.metrics_token}".encode())
    return not any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via", "x-real-ip"))


# Bodies


async def _body(request: Request, limit: int) -> bytes:
    pieces, size = [], 0
    async with asyncio.timeout(_BODY_SECONDS):
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise _TooLargeError
            pieces.append(piece)
    return b"".join(pieces)


async def _form(request: Request) -> list[tuple[str, str]]:
    """Return the fields of an urlencoded form; empty for any other body."""
    body = await _body(request, _FORM_LIMIT)
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return []


async def _too_large(_: Request, __: Exception) -> Response:
    return PlainTextResponse("too large", 413)


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable())

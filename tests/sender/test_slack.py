"""Slack against a real HTTP server on loopback that answers as Slack documents."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import PATIENCE, SlackServer, raw_server, slack_json

from dreamlit_sender.config import SlackConfig
from dreamlit_sender.secret import Secret
from dreamlit_sender.slack import SlackTransport
from dreamlit_sender.transport import Handover, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.sender.doubles import Reply, Request

pytestmark = pytest.mark.asyncio


def message(**content: Any) -> Message:
    return Message(3, 1, {"channel": "#signups", "text": "Hello", "blocks": None, **content}, Handover())


@asynccontextmanager
async def slack(
    port: int, *, kind: str = "token", patience: float = PATIENCE
) -> AsyncGenerator[SlackTransport, None]:
    webhook = (
        Secret(f"http://127.0.0.1:{port}/services/T0/B0/very-secret") if kind in ("webhook", "both") else None
    )
    token = Secret("xoxb-secret-token") if kind in ("token", "both") else None
    config = SlackConfig(webhook, token, f"http://127.0.0.1:{port}/api", patience)
    one = SlackTransport(config)
    try:
        yield one
    finally:
        await one.aclose()


async def answered(reply: Reply, *, kind: str = "token", **content: Any) -> Outcome:
    server = SlackServer()

    async def answer(request: Request) -> Reply:
        return reply

    server.answer = answer
    async with raw_server(server.talk) as port, slack(port, kind=kind) as transport:
        return await transport.deliver(message(**content))


async def test_post_message() -> None:
    server = SlackServer()
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Grüße*"}}]
    async with raw_server(server.talk) as port, slack(port) as transport:
        outcome = await transport.deliver(message(blocks=blocks))
    assert outcome == Outcome.sent(provider="slack", provider_id="1700000000.000001")
    [request] = server.requests
    assert request.path == "/api/chat.postMessage"
    assert request.headers["authorization"] == "Bearer xoxb-secret-token"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.body == {"channel": "#signups", "text": "Hello", "blocks": blocks}


async def test_webhook() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port, kind="webhook") as transport:
        outcome = await transport.deliver(message())
    assert outcome == Outcome.sent(provider="slack")
    [request] = server.requests
    assert request.path == "/services/T0/B0/very-secret"
    assert request.body == {"text": "Hello"}
    assert "authorization" not in request.headers


async def test_with_both_the_token_serves_what_names_a_channel() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port, kind="both") as transport:
        await transport.deliver(message())
        await transport.deliver(message(channel=None))
    assert [request.path.split("/")[1] for request in server.requests] == ["api", "services"]


async def test_connections_are_reused() -> None:
    server, connections = SlackServer(), []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await server.talk(reader, writer)

    async with raw_server(talk) as port, slack(port) as transport:
        for _ in range(5):
            await transport.deliver(message())
    assert len(connections) == 1


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        *(
            (code, "recipient")
            for code in ["channel_not_found", "is_archived", "not_in_channel", "user_not_found"]
        ),
        *((code, "recipient") for code in ["msg_too_long", "invalid_blocks", "no_text", "some_new_error"]),
        *((code, "configuration") for code in ["invalid_auth", "token_revoked", "missing_scope"]),
        *(
            (code, "configuration")
            for code in ["account_inactive", "not_authed", "token_expired", "ekm_access_denied"]
        ),
        *((code, "transient") for code in ["ratelimited", "rate_limited"]),
        *((code, "transient") for code in ["service_unavailable", "request_timeout"]),
        *((code, "unknown") for code in ["internal_error", "fatal_error"]),
    ],
)
async def test_errors_of_the_api_are_classed(error: str, fault: str) -> None:
    outcome = await answered(slack_json({"ok": False, "error": error}))
    assert (outcome.outcome, outcome.fault, outcome.code) == ("failed", fault, error)


async def test_details_of_an_error_are_kept() -> None:
    metadata = {"messages": ["[ERROR] must be a valid block [json-pointer:/blocks/0]"]}
    reply = slack_json({"ok": False, "error": "invalid_blocks", "response_metadata": metadata})
    assert "json-pointer:/blocks/0" in ((await answered(reply)).error or "")
    reply = slack_json({"ok": False, "error": "missing_scope", "needed": "chat:write"})
    assert "chat:write" in ((await answered(reply)).error or "")


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (400, "invalid_payload", "recipient"),
        (400, "no_text", "recipient"),
        (400, "user_not_found", "recipient"),
        (400, "invalid_blocks", "recipient"),
        (403, "action_prohibited", "configuration"),
        (403, "invalid_token", "configuration"),
        (404, "no_service", "configuration"),
        (404, "channel_not_found", "configuration"),
        (404, "no_team", "configuration"),
        (410, "channel_is_archived", "configuration"),
        (500, "rollup_error", "transient"),
        (400, "what is this", "recipient"),
        (404, "<html>not here</html>", "configuration"),
        (503, "", "transient"),
        (302, "", "configuration"),
        (200, "<html>hello</html>", "unknown"),
        (200, "no_text", "unknown"),
    ],
)
async def test_answers_of_webhooks_are_classed(status: int, text: str, fault: str) -> None:
    outcome = await answered((status, {}, text.encode()), kind="webhook")
    assert (outcome.outcome, outcome.fault) == ("failed", fault)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>maintenance</html>"), "unknown"),
        ((200, {}, b"[]"), "unknown"),
        ((200, {}, b'{"ok": "yes"}'), "unknown"),
        ((200, {}, b""), "unknown"),
        ((200, {}, b"\xff\xfe{"), "unknown"),
        ((200, {}, b"[" * 100_000), "unknown"),
        ((500, {}, b"oops"), "unknown"),
        ((503, {}, b"{}"), "transient"),
        ((401, {}, b""), "configuration"),
        ((407, {}, b""), "configuration"),
        ((400, {}, b""), "recipient"),
        ((413, {}, b""), "recipient"),
        ((301, {"Location": "http://127.0.0.1:1/"}, b""), "configuration"),
        (slack_json({"ok": False, "error": "invalid_auth"}, 401), "configuration"),
        (slack_json({"ok": False}), "recipient"),
    ],
)
async def test_answers_that_are_not_the_apis(reply: Reply, fault: str) -> None:
    outcome = await answered(reply)
    assert (outcome.outcome, outcome.fault) == ("failed", fault)


async def test_retry_after_is_passed_on() -> None:
    reply = slack_json({"ok": False, "error": "ratelimited"}, 429, Retry_After="30")
    outcome = await answered(reply)
    assert (outcome.fault, outcome.retry_after) == ("transient", 30.0)
    for value, expected in (("soon", None), ("-5", 0.0), ("inf", None), ("nan", None), ("", None)):
        assert (await answered((429, {"Retry-After": value}, b""), kind="webhook")).retry_after == expected
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    delay = (await answered((503, {"Retry-After": moment}, b""))).retry_after
    assert delay is not None
    assert 3000 < delay <= 3600


async def test_no_answer_after_the_request_is_unknown() -> None:
    server = SlackServer()

    async def hang(request: Request) -> Reply | None:
        await asyncio.Event().wait()
        return None

    server.answer = hang
    async with raw_server(server.talk) as port, slack(port, patience=0.2) as transport:
        outcome = await transport.deliver(message())
    assert (outcome.fault, outcome.code) == ("unknown", "no_reply")
    assert len(server.requests) == 1


async def test_connection_lost_after_the_request_is_unknown() -> None:
    server = SlackServer()

    async def drop(request: Request) -> Reply | None:
        return None

    server.answer = drop
    async with raw_server(server.talk) as port, slack(port) as transport:
        assert (await transport.deliver(message())).fault == "unknown"


async def test_half_an_answer_is_unknown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"ok": tr')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with raw_server(talk) as port, slack(port) as transport:
        assert (await transport.deliver(message())).fault == "unknown"


async def test_refused_connection_is_transient() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with slack(closed.getsockname()[1]) as transport:
            outcome = await transport.deliver(message())
    assert (outcome.fault, outcome.code) == ("transient", "connect")


async def test_cancelled_after_the_request_may_have_begun() -> None:
    server, asked = SlackServer(), asyncio.Event()

    async def hang(request: Request) -> Reply | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    server.answer = hang
    one = message()
    async with raw_server(server.talk) as port, slack(port) as transport:
        task = asyncio.create_task(transport.deliver(one))
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert one.handover.may_have_begun


async def test_messages_that_cannot_be_asked_for() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port) as transport:
        assert (await transport.deliver(message(text=None))).fault == "recipient"
        assert (await transport.deliver(message(channel=None))).fault == "recipient"
        assert (await transport.deliver(message(text="\ud800"))).fault == "recipient"
    assert server.requests == []


# Threads and people


def paths(server: SlackServer) -> list[str]:
    return [request.path.removeprefix("/api/") for request in server.requests]


async def test_a_reply_names_its_thread() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port) as transport:
        await transport.deliver(message(thread_ts="1.2"))
        await transport.deliver(message(thread_ts="1.2", broadcast=True))
    first, second = (request.body for request in server.requests)
    assert (first["thread_ts"], first["channel"]) == ("1.2", "#signups")
    assert "reply_broadcast" not in first
    assert second["reply_broadcast"] is True


async def test_a_webhook_cannot_reply_or_write_to_a_person() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port, kind="webhook") as transport:
        for content in (
            {"thread_ts": "1.2"},
            {"thread_ts": None},
            {"channel": None, "to": "ann@example.org"},
        ):
            outcome = await transport.deliver(message(**content))
            assert (outcome.fault, outcome.code) == ("configuration", "webhook")
            assert "DREAMLIT_SLACK_TOKEN" in str(outcome.error)
    assert server.requests == []


async def test_a_reply_to_what_a_webhook_posted_fails() -> None:
    outcome = await answered(slack_json({"ok": True}), thread_ts=None)
    assert (outcome.fault, outcome.code) == ("recipient", "no_thread")


async def test_a_person_is_found_by_address_and_written_to() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port, kind="both") as transport:
        outcome = await transport.deliver(message(channel=None, to="ann@example.org"))
    assert outcome.outcome == "sent"
    assert paths(server) == ["users.lookupByEmail", "conversations.open", "chat.postMessage"]
    assert server.requests[0].body == {"email": "ann@example.org"}
    assert server.requests[-1].body["channel"] == "DU1"


async def test_a_person_is_looked_up_once_an_hour() -> None:
    server = SlackServer()
    now = [0.0]
    async with raw_server(server.talk) as port:
        config = SlackConfig(None, Secret("xoxb-secret-token"), f"http://127.0.0.1:{port}/api", PATIENCE)
        transport = SlackTransport(config, clock=lambda: now[0])
        for seconds, asked in ((0.0, 1), (3599.0, 1), (3601.0, 2)):
            now[0] = seconds
            await transport.deliver(message(channel=None, to="Ann@example.org".lower()))
            assert paths(server).count("users.lookupByEmail") == asked
        await transport.aclose()


async def test_nobody_of_that_address_is_the_recipients_fault() -> None:
    server = SlackServer()
    async with raw_server(server.talk) as port, slack(port) as transport:
        outcome = await transport.deliver(message(channel=None, to="nobody@example.org"))
    assert (outcome.fault, outcome.code) == ("recipient", "users_not_found")
    assert paths(server) == ["users.lookupByEmail"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (slack_json({"ok": False, "error": "missing_scope", "needed": "users:read.email"}), "configuration"),
        (slack_json({"ok": False, "error": "ratelimited"}, 429, Retry_After="30"), "transient"),
        (slack_json({"ok": False, "error": "fatal_error"}), "transient"),
        (slack_json({"ok": True, "user": "U1"}), "transient"),
        ((500, {}, b"oops"), "transient"),
        (None, "transient"),
    ],
)
async def test_a_lookup_that_fails_leaves_no_doubt(reply: Reply | None, fault: str) -> None:
    outcome = await answered(reply, channel=None, to="ann@example.org")  # type: ignore[arg-type]
    assert (outcome.outcome, outcome.fault) == ("failed", fault)

"""What holds for every provider: the same message arrives, and every failure is told apart in the same way."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.providers.helpers import KEYS, SENDER, load, message, provider, transport
from tests.providers.servers import SERVERS, UNVERIFIED, Reply, Request
from tests.sender.doubles import PATIENCE

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("name", list(SERVERS))]

# These put a Message-ID of their own in the place of ours.
OWN_MESSAGE_ID = {"resend": None, "ses": "<0102-eu@eu-west-1.amazonses.com>"}


async def test_every_part_of_a_message_arrives(name: str) -> None:
    unsubscribe = {
        "List-Unsubscribe": "<https://sender.test/u/1?t=abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-Campaign": "Grüße",
    }
    full = message(
        to=["Bob Ünal <bob@example.org>"],
        cc=["carl@example.org"],
        bcc=["dora@example.org"],
        reply_to=["help@sender.test"],
        subject="Grüße 🎉",
        text="Hello Bob\n",
        html="<p>Hello <b>Bob</b></p>\n",
        headers=unsubscribe,
    )
    async with provider(name) as (made, server):
        outcome = await made.deliver(full)
    assert (outcome.outcome, outcome.fault, outcome.error, outcome.provider) == ("sent", None, None, name)
    assert outcome.provider_id
    [got] = server.delivered
    assert got.sender == SENDER
    assert got.recipients == {"bob@example.org", "carl@example.org", "dora@example.org"}
    assert (got.subject, got.text, got.html) == ("Grüße 🎉", "Hello Bob\n", "<p>Hello <b>Bob</b></p>\n")
    assert got.headers["to"] == "Bob Ünal <bob@example.org>"
    assert got.headers["cc"] == "carl@example.org"
    assert got.headers["reply-to"] == "help@sender.test"
    for header, value in unsubscribe.items():
        assert got.headers[header.lower()] == value
    assert got.headers.get("message-id") == OWN_MESSAGE_ID.get(name, "<dreamlit.7@sender.test>")
    assert "dora" not in " ".join(got.headers.values())


async def test_html_alone_gets_a_text_part(name: str) -> None:
    async with provider(name) as (made, server):
        await made.deliver(message(text=None, html='<p>Hi <a href="https://x.test">there</a></p>'))
    assert server.delivered[0].text.strip() == "Hi [there](https://x.test)"


def marks(name: str, request: Request) -> dict[str, str]:
    """What the provider is told of a message for its webhooks."""
    match name:
        case "mailgun":
            found = re.findall(rb'name="v:(\w+)"\r\n\r\n(\w+)\r\n', request.body)
            return {key.decode(): text.decode() for key, text in found}
        case "resend":
            return {tag["name"]: tag["value"] for tag in request.json["tags"]}
        case "ses":
            return {tag["Name"]: tag["Value"] for tag in request.json["EmailTags"]}
        case _:
            told: dict[str, str] = request.json[{"postmark": "Metadata", "sendgrid": "custom_args"}[name]]
            return told


async def test_the_provider_is_told_the_messages_id_and_its_database_if_that_has_a_name(name: str) -> None:
    async with provider(name) as (made, server):
        await made.deliver(message(7))
        await made.deliver(replace(message(7), origin="blog"))
    assert [marks(name, request) for request in server.requests] == [
        {"dreamlit_message": "7"},
        {"dreamlit_message": "7", "dreamlit_database": "blog"},
    ]


async def test_names_with_commas_and_quotes_stay_one_recipient(name: str) -> None:
    async with provider(name) as (made, server):
        outcome = await made.deliver(message(to=['"Sender, \\"Joe\\" jr." <joe@example.org>']))
    assert outcome.outcome == "sent"
    assert server.delivered[0].recipients == {"joe@example.org"}


async def test_connections_are_reused(name: str) -> None:
    async with provider(name) as (made, server):
        for number in range(5):
            await made.deliver(message(number))
    assert len(server.delivered) == 5
    assert server.connections == 1


async def test_what_is_wrong_with_the_recipient_is_the_recipients_fault(name: str) -> None:
    async with provider(name) as (made, server):
        outcome = await made.deliver(message(to=["invalid@example.org"]))
    assert (outcome.outcome, outcome.fault, outcome.retry_after) == ("failed", "recipient", None)
    assert outcome.error
    assert server.delivered == []


async def test_a_from_that_is_not_verified_stops_the_channel(name: str) -> None:
    async with provider(name) as (made, server):
        outcome = await made.deliver(message(**{"from": f"x@{UNVERIFIED}"}))
    assert (outcome.outcome, outcome.fault) == ("failed", "configuration")
    assert server.delivered == []


async def test_a_wrong_key_stops_the_channel_and_is_not_repeated_in_the_outcome(name: str) -> None:
    secret = {key: f"wrong-{value}" for key, value in KEYS[name].items() if "key" in key or "token" in key}
    secret.pop("ses_access_key_id", None)
    async with provider(name, **secret) as (made, server):
        outcome = await made.deliver(message())
    assert (outcome.outcome, outcome.fault) == ("failed", "configuration")
    assert not any(value in repr(outcome) for value in secret.values())
    assert server.delivered == []


async def test_the_keys_show_themselves_nowhere(name: str) -> None:
    config = load(provider=name, **KEYS[name])
    secrets = [value for key, value in KEYS[name].items() if "secret" in value]
    shown = f"{config!r} {config.provider!r} {config.redactor()(' '.join(secrets))}"
    assert secrets
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize(
    "content", [{"to": []}, {"to": ["nobody"]}, {"subject": "a\r\nBcc: x@y.z"}, {"headers": {"To": "x@y.z"}}]
)
async def test_unfit_content_never_reaches_the_provider(name: str, content: dict[str, object]) -> None:
    async with provider(name) as (made, server):
        sent = message(**content)
        outcome = await made.deliver(sent)
    assert outcome.fault == "recipient"
    assert not sent.handover.may_have_begun
    assert server.requests == []


async def test_a_message_without_a_from_is_ours_to_mend(name: str) -> None:
    async with provider(name) as (made, server):
        made._from = None
        outcome = await made.deliver(message())
    assert (outcome.fault, outcome.code) == ("configuration", "from")
    assert server.requests == []


async def test_no_connection_is_transient(name: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        made = transport(name, closed.getsockname()[1])
        sent = message()
        outcome = await made.deliver(sent)
        await made.aclose()
    assert (outcome.fault, outcome.code) == ("transient", "connect")
    assert not sent.handover.may_have_begun


async def test_an_answer_that_does_not_come_leaves_a_doubt_unless_the_key_clears_it(name: str) -> None:
    async with provider(name) as (made, server):
        server.lost_answers = 1
        outcome = await made.deliver(message())
        assert len(server.delivered) == 1
    assert (outcome.fault, outcome.code) == ("transient" if name == "resend" else "unknown", "no_reply")


async def test_a_cancelled_delivery_says_how_far_it_got(name: str) -> None:
    reached = asyncio.Event()

    async def hang(request: Request) -> Reply | None:
        reached.set()
        await asyncio.Event().wait()
        return None

    async with provider(name) as (made, server):
        server.answer = hang
        sent = message()
        task = asyncio.create_task(made.deliver(sent))
        async with asyncio.timeout(PATIENCE):
            await reached.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sent.handover.may_have_begun
    assert sent.handover.repeatable is (name == "resend")


async def test_a_server_that_says_nothing_is_given_up(name: str) -> None:
    async def hang(request: Request) -> Reply | None:
        await asyncio.Event().wait()
        return None

    async with provider(name, provider_timeout="0.1") as (made, server):
        server.answer = hang
        outcome = await made.deliver(message())
    assert (outcome.fault, outcome.code) == ("transient" if name == "resend" else "unknown", "no_reply")


async def answered(name: str, reply: Reply) -> tuple[str | None, float | None]:
    async with provider(name) as (made, server):
        server.answer = lambda request: reply
        outcome = await made.deliver(message())
    assert outcome.outcome == "failed"
    assert outcome.provider == name
    return outcome.fault, outcome.retry_after


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (301, "configuration"),
        (401, "configuration"),
        (403, "configuration"),
        (404, "configuration"),
        (405, "configuration"),
        (413, "recipient"),
        (415, "configuration"),
        (429, "transient"),
        (500, "unknown"),
        (502, "unknown"),
        (504, "unknown"),
    ],
)
async def test_answers_of_something_in_between_are_read_by_their_status(
    name: str, status: int, fault: str
) -> None:
    """A proxy, a firewall or a load balancer answers in HTML, as none of the providers does."""
    page = (
        status,
        {"Content-Type": "text/html", "Location": "https://elsewhere.test/"},
        b"<html>Oops</html>",
    )
    if name == "resend" and fault == "unknown":
        fault = "transient"  # the same key again does no harm
    assert (await answered(name, page))[0] == fault


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b"{}", b'{"id": 7}', b"\xff\xfe", b"null"])
async def test_an_odd_200_leaves_a_doubt_or_says_that_nothing_was_sent(name: str, body: bytes) -> None:
    fault, _ = await answered(name, (200, {"Content-Type": "application/json"}, body))
    assert fault == ("configuration" if name == "sendgrid" else "unknown")


async def test_unavailable_for_a_while_is_transient_and_its_retry_after_is_passed_on(name: str) -> None:
    for value, low, high in [
        ("7", 7.0, 7.0),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=90)), 60.0, 90.0),
    ]:
        fault, wait = await answered(name, (429, {"Retry-After": value}, b""))
        assert fault == "transient"
        assert wait is not None
        assert low <= wait <= high
    fault, wait = await answered(name, (503, {"Retry-After": "7"}, b""))
    assert (fault, wait) == ("unknown" if name == "mailgun" else "transient", 7.0)


@pytest.mark.parametrize("value", ["soon", "-3", "nan", "", "Mon, 99 Foo"])
async def test_a_nonsensical_retry_after_does_no_harm(name: str, value: str) -> None:
    fault, wait = await answered(name, (429, {"Retry-After": value}, b""))
    assert fault == "transient"
    assert not wait

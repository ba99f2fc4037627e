"""SendGrid: errors by field, 202 alone as a success, the moment at which a rate limit ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.providers.helpers import message, provider
from tests.providers.servers import Reply, as_json

from dreamlit_sender.config import Config
from dreamlit_sender.providers import build_provider

if TYPE_CHECKING:
    from dreamlit_sender.transport import Outcome

pytestmark = pytest.mark.asyncio


def refusal(status: int, text: str = "Something", field: str | None = None, **headers: str) -> Reply:
    return as_json({"errors": [{"message": text, "field": field, "help": None}]}, status, **headers)


async def answered(reply: Reply) -> Outcome:
    async with provider("sendgrid") as (made, server):
        server.answer = lambda request: reply
        return await made.deliver(message())


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (refusal(400, "Does not contain a valid address.", "personalizations.0.to.0.email"), "recipient"),
        (refusal(400, "The subject is required.", "subject"), "recipient"),
        (refusal(400, "Bad Request"), "recipient"),
        (refusal(400, "The from email does not contain a valid address.", "from.email"), "configuration"),
        (refusal(401, "Maximum credits exceeded"), "configuration"),
        (refusal(401, "The provided authorization grant is invalid, expired, or revoked"), "configuration"),
        (
            refusal(403, "The from address does not match a verified Sender Identity.", "from"),
            "configuration",
        ),
        (refusal(404), "configuration"),
        (refusal(405), "configuration"),
        (refusal(406), "configuration"),
        (refusal(413), "recipient"),
        (refusal(415), "configuration"),
        (refusal(429, "too many requests"), "transient"),
        (refusal(500), "unknown"),
        (refusal(503), "transient"),
    ],
)
async def test_every_documented_error_has_its_class(reply: Reply, fault: str) -> None:
    assert (await answered(reply)).fault == fault


async def test_an_error_names_its_field() -> None:
    outcome = await answered(refusal(400, "The subject is required.", "subject"))
    assert outcome.error == "HTTP 400: subject: The subject is required."


async def test_a_200_means_that_nothing_was_sent() -> None:
    outcome = await answered((200, {}, b""))
    assert (outcome.outcome, outcome.fault, outcome.code) == ("failed", "configuration", "sandbox")


async def test_the_end_of_a_rate_limit_is_given_as_a_moment() -> None:
    async with provider("sendgrid") as (made, server):
        made._api._clock = lambda: 1_392_815_200.0  # type: ignore[attr-defined]
        server.answer = lambda request: refusal(429, x_ratelimit_reset="1392815263")
        assert (await made.deliver(message())).retry_after == 63.0
        server.answer = lambda request: refusal(429, x_ratelimit_reset="1392815100")
        assert (await made.deliver(message())).retry_after == 0.0
        server.answer = lambda request: refusal(429, x_ratelimit_reset="soon")
        assert (await made.deliver(message())).retry_after is None
        server.answer = lambda request: refusal(429, x_ratelimit_reset="1392815263", retry_after="5")
        assert (await made.deliver(message())).retry_after == 5.0


async def test_an_address_that_stands_twice_is_named_once() -> None:
    async with provider("sendgrid") as (made, server):
        outcome = await made.deliver(
            message(
                to=["bob@example.org", "Bob <BOB@example.org>"], cc=["bob@example.org", "carl@example.org"]
            )
        )
    assert outcome.outcome == "sent"
    assert server.requests[0].json["personalizations"] == [
        {"to": [{"email": "bob@example.org"}], "cc": [{"email": "carl@example.org"}]}
    ]


async def test_several_addresses_to_reply_to() -> None:
    async with provider("sendgrid") as (made, server):
        await made.deliver(message(reply_to=["a@sender.test", "B <b@sender.test>"]))
    assert server.delivered[0].headers["reply-to"] == "a@sender.test, B <b@sender.test>"


async def test_an_empty_text_is_left_out() -> None:
    async with provider("sendgrid") as (made, server):
        server.answer = lambda request: (202, {"X-Message-Id": "x"}, b"")
        await made.deliver(message(text="", html="<p>Hi</p>"))
    assert server.requests[0].json["content"] == [{"type": "text/html", "value": "<p>Hi</p>"}]


@pytest.mark.parametrize(
    ("keys", "url"),
    [
        ({"DREAMLIT_SENDGRID_API_KEY": "x"}, "https://api.sendgrid.com/v3/mail/send"),
        (
            {"DREAMLIT_SENDGRID_API_KEY": "x", "DREAMLIT_SENDGRID_REGION": "eu"},
            "https://api.eu.sendgrid.com/v3/mail/send",
        ),
        (
            {"DREAMLIT_MAILGUN_API_KEY": "x", "DREAMLIT_MAILGUN_DOMAIN": "mg.x.test"},
            "https://api.mailgun.net/v3/mg.x.test/messages.mime",
        ),
        (
            {
                "DREAMLIT_MAILGUN_API_KEY": "x",
                "DREAMLIT_MAILGUN_DOMAIN": "mg.x.test",
                "DREAMLIT_MAILGUN_REGION": "eu",
            },
            "https://api.eu.mailgun.net/v3/mg.x.test/messages.mime",
        ),
        ({"DREAMLIT_RESEND_API_KEY": "x"}, "https://api.resend.com/emails"),
        ({"DREAMLIT_POSTMARK_TOKEN": "x"}, "https://api.postmarkapp.com/email"),
        (
            {
                "DREAMLIT_SES_REGION": "eu-west-1",
                "DREAMLIT_SES_ACCESS_KEY_ID": "A",
                "DREAMLIT_SES_SECRET_ACCESS_KEY": "x",
            },
            "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails",
        ),
    ],
)
async def test_where_a_request_goes_without_a_url(keys: dict[str, str], url: str) -> None:
    config = Config.load(environ={"DREAMLIT_DSN": "postgresql://x", **keys})
    assert config.provider is not None
    made = build_provider(config.provider, sender_from="a@x.test")
    item = made._read(message())
    assert made._api.request(item.parts, "key").url == url  # type: ignore[union-attr]
    await made.aclose()

"""Mailgun: refusals told apart by their words, limits an hour, the MIME as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from tests.providers.helpers import message, provider
from tests.providers.servers import as_json

if TYPE_CHECKING:
    from dreamlit_sender.transport import Outcome

pytestmark = pytest.mark.asyncio
SANDBOX = (
    "Domain sandbox1.mailgun.org is not allowed to send: Sandbox subdomains are for test purposes only. Please "
    "add your own domain or add the address to authorized recipients in Account Settings."
)


async def answered(status: int, text: str, **headers: str) -> Outcome:
    async with provider("mailgun") as (made, server):
        server.answer = lambda request: as_json({"message": text}, status, **headers)
        return await made.deliver(message())


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (400, "'to' parameter is not a valid address. please check documentation", "recipient"),
        (400, "to parameter is missing", "recipient"),
        (400, "Too many recipients; max is 1000", "recipient"),
        (413, "Request Entity Too Large", "recipient"),
        (400, "'from' parameter is not a valid address. please check documentation", "configuration"),
        (400, "from parameter is missing", "configuration"),
        (400, SANDBOX, "configuration"),
        (403, SANDBOX, "configuration"),
        (421, "Domain x is not allowed to send: Please activate your Mailgun account.", "configuration"),
        (401, "Forbidden", "configuration"),
        (402, "Request Failed", "configuration"),
        (404, "Domain not found: mg.sender.test", "configuration"),
        (420, "Something", "configuration"),
        (429, "Too many requests", "transient"),
        (500, "Internal Server Error", "unknown"),
        (502, "Bad Gateway", "unknown"),
        (503, "Service Unavailable", "unknown"),
    ],
)
async def test_every_documented_error_has_its_class(status: int, text: str, fault: str) -> None:
    outcome = await answered(status, text)
    assert (outcome.outcome, outcome.fault) == ("failed", fault)
    assert text[:100] in (outcome.error or "")


@pytest.mark.parametrize("status", [400, 420, 429])
async def test_a_limit_of_recipients_says_when_it_ends(status: int) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=90)).replace("+0000", "UTC")
    text = f"Domain x is not allowed to send: recipient limit exceeded, try again after {moment}"
    outcome = await answered(status, text)
    assert outcome.fault == "transient"
    assert outcome.retry_after is not None
    assert 60.0 <= outcome.retry_after <= 90.0


async def test_a_limit_without_a_readable_moment_is_still_a_limit() -> None:
    outcome = await answered(420, "recipient limit exceeded, try again after lunch")
    assert (outcome.fault, outcome.retry_after) == ("transient", None)


async def test_copies_are_in_the_envelope_and_no_blind_one_in_the_mail() -> None:
    async with provider("mailgun") as (made, server):
        outcome = await made.deliver(message(cc=["carl@example.org"], bcc=["dora@example.org"]))
    assert outcome.provider_id == "mg-1@mg.sender.test"
    assert server.delivered[0].recipients == {"bob@example.org", "carl@example.org", "dora@example.org"}
    assert b"dora" not in server.requests[0].body.split(b'name="message"')[1]

"""Files, inline pictures and invitations as each provider wants them."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from typing import Any

import pytest
from tests.providers.helpers import deliver_many, message, provider
from tests.providers.servers import SERVERS, Request

pytestmark = pytest.mark.asyncio
DATA = base64.b64encode(b"\x89PNG").decode()
FILES = [
    {"name": "logo.png", "content": DATA, "inline": "logo"},
    {"name": "Grüße.pdf", "content": DATA, "type": "application/pdf"},
]
INVITATION = {"start": "2026-07-01T10:00:00Z", "summary": "Plan"}
FIELDS: dict[str, tuple[str, str, str, str, str]] = {
    "resend": ("attachments", "filename", "content", "content_type", "content_id"),
    "postmark": ("Attachments", "Name", "Content", "ContentType", "ContentID"),
    "sendgrid": ("attachments", "filename", "content", "type", "content_id"),
}


def mime(name: str, request: Request) -> Any:
    """The mail in a request of a provider that takes it whole."""
    if name == "ses":
        data = base64.b64decode(request.json["Content"]["Raw"]["Data"])
    else:
        start = request.body.index(b"From: ")
        data = request.body[start:]
    return message_from_bytes(data, policy=policy.default)


@pytest.mark.parametrize("name", list(SERVERS))
async def test_files_and_pictures_and_invitations_arrive(name: str) -> None:
    full = message(html='<img src="cid:logo">', attachments=FILES, calendar=INVITATION)
    async with provider(name) as (made, server):
        outcome = await made.deliver(full)
    assert outcome.outcome == "sent", outcome
    [request] = server.requests
    if name not in FIELDS:
        mail = mime(name, request)
        kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
        assert kinds == ["text/plain", "text/html", "image/png", "text/calendar", "application/pdf"]
        return
    key, called, content, kind, cid = FIELDS[name]
    found = {one[called]: one for one in request.json[key]}
    assert list(found) == ["logo.png", "Grüße.pdf", "invite.ics"]
    assert found["logo.png"][content] == DATA
    assert found["logo.png"][cid].removeprefix("cid:") == "logo"
    assert found["Grüße.pdf"][kind] == "application/pdf"
    assert cid not in found["Grüße.pdf"]
    assert b"METHOD:REQUEST" in base64.b64decode(found["invite.ics"][content])


@pytest.mark.parametrize("name", ["resend", "postmark"])
async def test_messages_with_files_are_sent_one_by_one_where_batches_take_none(name: str) -> None:
    plain = [message(number) for number in (1, 2)]
    async with provider(name) as (made, server):
        outcomes = await deliver_many(made, [*plain, message(3, attachments=FILES)])
    assert [outcome and outcome.outcome for outcome in outcomes] == ["sent"] * 3
    batches = {"resend": ["/emails/batch", "/emails"], "postmark": ["/email/batch"]}
    assert [request.path for request in server.requests] == batches[name]


@pytest.mark.parametrize("name", list(SERVERS))
async def test_a_file_that_cannot_be_had_is_the_messages_fault_and_nobody_is_asked(name: str) -> None:
    bad = [{"name": "a", "url": "https://127.0.0.1/secret"}]
    async with provider(name) as (made, server):
        outcome = await made.deliver(message(attachments=bad))
    assert (outcome.fault, outcome.code) == ("recipient", "attachment")
    assert server.requests == []

"""Attachments, inline images and invitations in MIME, and the fetching of URLs."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import Mailbox, raw_server, smtp_server

from dreamlit_sender.attachments import Fetcher
from dreamlit_sender.calendar import CalendarError, icalendar
from dreamlit_sender.config import SmtpConfig
from dreamlit_sender.message import UnfitContentError, build_mail
from dreamlit_sender.smtp import SmtpTransport
from dreamlit_sender.transport import Handover, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.asyncio
DATA = base64.b64encode(b"\x89PNG").decode()
INVITATION = {
    "start": "2026-07-01T10:00:00+02:00",
    "end": "2026-07-01T11:00:00+02:00",
    "summary": "Plan, then do",
    "location": "Room; 1",
}


def build(**content: Any) -> EmailMessage:
    full = {"to": ["bob@example.org"], "subject": "s", "text": "t", "html": '<img src="cid:logo">', **content}
    mail = build_mail(7, full, default_from="q@example.com")
    parsed = message_from_bytes(mail.data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def shape(part: Any) -> Any:
    if part.is_multipart():
        return [part.get_content_subtype(), *map(shape, part.iter_parts())]
    return part.get_content_type()


async def test_files_stand_below_the_bodies_and_pictures_beside_the_html() -> None:
    files = [{"name": "logo.png", "content": DATA, "inline": "logo"}, {"name": "Grüße.pdf", "content": DATA}]
    mail = build(attachments=files, calendar=INVITATION)
    assert shape(mail) == [
        "mixed",
        ["alternative", "text/plain", ["related", "text/html", "image/png"], "text/calendar"],
        "application/pdf",
    ]
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<logo>", "inline")
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("Grüße.pdf", b"\x89PNG")


async def test_a_message_without_files_is_as_it_was() -> None:
    assert shape(build(html=None)) == "text/plain"
    assert shape(build()) == ["alternative", "text/plain", "text/html"]


async def test_an_invitation_has_its_method_and_is_the_same_each_time() -> None:
    mail = build(calendar=INVITATION)
    [part] = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    assert part.get_param("method") == "REQUEST"
    lines = part.get_content().replace("\r\n", "\n").replace("\n ", "").splitlines()
    assert lines[:6] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//dreamlit//EN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        "UID:dreamlit.7@example.com",
    ]
    assert "DTSTART:20260701T080000Z" in lines
    assert "DTEND:20260701T090000Z" in lines
    assert "SUMMARY:Plan\\, then do" in lines
    assert "LOCATION:Room\\; 1" in lines
    assert "ORGANIZER:mailto:q@example.com" in lines
    assert "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:bob@example.org" in lines
    again = build(calendar=INVITATION)
    assert [one.get_content() for one in again.walk() if one.get_content_type() == "text/calendar"] == [
        part.get_content()
    ]


async def test_days_hostile_texts_and_long_lines_in_an_invitation() -> None:
    entry = {
        "start": "2026-07-01",
        "summary": "x\r\nATTENDEE:mailto:evil@example.com",
        "description": "ü" * 100 + "\nEND:VEVENT",
    }
    made = icalendar(entry, identifier="u", organizer="q@example.com", attendees=[])
    assert "DTSTART;VALUE=DATE:20260701\r\nDTEND;VALUE=DATE:20260702\r\n" in made
    assert "\r\nATTENDEE" not in made
    assert made.count("\r\nEND:VEVENT") == 1
    assert max(len(line.encode()) for line in made.split("\r\n")) <= 75


@pytest.mark.parametrize(
    "entry",
    [
        {"start": "soon"},
        {"start": None},
        {"start": "2026-07-01T10:00:00", "end": "2026-07-01T09:00:00"},
        {"start": "2026-07-01", "end": "2026-07-01T09:00:00"},
        {"start": "2026-07-01", "method": "X"},
        {"start": "2026-07-01", "sequence": "-1"},
    ],
)
async def test_what_is_no_calendar_entry_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(CalendarError):
        icalendar({"summary": "s", **entry}, identifier="u", organizer="q@example.com", attendees=[])
    with pytest.raises(UnfitContentError):
        build(calendar={"summary": "s", **entry})


async def test_more_than_25_mb_are_refused() -> None:
    large = base64.b64encode(b"x" * (13 << 20)).decode()
    with pytest.raises(UnfitContentError, match="more than 25 MB"):
        build(attachments=[{"name": "a", "content": large}, {"name": "b", "content": large}])


# Fetching


@asynccontextmanager
async def files(answer: bytes) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with raw_server(talk) as port:
        yield f"http://127.0.0.1:{port}/logo.png", asked


def message(url: str) -> Message:
    content = {
        "to": ["bob@example.org"],
        "subject": "s",
        "text": "t",
        "attachments": [{"name": "logo.png", "url": url}],
    }
    return Message(7, 1, content, Handover())


OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\x89PNG"


async def test_a_url_is_fetched_and_sent_and_the_stored_content_stays() -> None:
    async with files(OK) as (url, asked):
        given = message(url)
        complete = await Fetcher(private=True).complete(given, "smtp")
    assert isinstance(complete, Message)
    assert complete.content["attachments"] == [{"type": "image/png", "name": "logo.png", "content": DATA}]
    assert complete.stored == given.content
    assert complete.handover is given.handover
    assert asked[0].startswith(b"GET /logo.png HTTP/1.1\r\n")


async def test_smtp_sends_what_it_fetched() -> None:
    mailbox = Mailbox()
    async with files(OK) as (url, _), smtp_server(mailbox) as port:
        config = SmtpConfig.from_url(f"smtp://127.0.0.1:{port}?starttls=never")
        smtp = SmtpTransport(config, sender_from="q@example.com", fetcher=Fetcher(private=True))
        outcome = await smtp.deliver(message(url))
        await smtp.aclose()
    assert outcome.outcome == "sent"
    [envelope] = mailbox.messages
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert [one.get_content() for one in mail.iter_attachments()] == [b"\x89PNG"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x", "https://localhost/x", "https://10.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]/x", "https://0/x", "https://user:pass@10.0.0.1/x", "ftp://example.com/x", "https:///x", "",
    ],
)  # fmt: skip
async def test_one_s_own_networks_are_not_asked_and_the_fault_is_the_messages(url: str) -> None:
    outcome = await Fetcher().complete(message(url), "smtp")
    assert isinstance(outcome, Outcome)
    assert (outcome.fault, outcome.code) == ("recipient", "attachment")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "recipient"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "recipient"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "transient"),
        (b"nonsense\r\n\r\n", "transient"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nshort", "transient"),
    ],
)
async def test_what_cannot_be_fetched_is_told_apart(answer: bytes, fault: str) -> None:
    async with files(answer) as (url, _):
        outcome = await Fetcher(private=True).complete(message(url), "smtp")
    assert isinstance(outcome, Outcome)
    assert (outcome.fault, outcome.code) == (fault, "attachment")


async def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"
    async with files(head + b"x" * 4096) as (url, _):
        outcome = await Fetcher(private=True, largest=1024).complete(message(url), "smtp")
    assert isinstance(outcome, Outcome)
    assert outcome.fault == "recipient"


async def test_plain_http_is_for_loopback_alone() -> None:
    outcome = await Fetcher(private=True).complete(message("http://10.255.255.1/x"), "smtp")
    assert isinstance(outcome, Outcome)
    assert outcome.error == "the url of an attachment at 10.255.255.1 is without https"

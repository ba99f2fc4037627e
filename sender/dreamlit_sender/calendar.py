"""Invitations: a calendar entry as iCalendar (RFC 5545, RFC 5546)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHODS = ("REQUEST", "CANCEL", "PUBLISH")
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class CalendarError(ValueError):
    """A calendar entry that cannot be sent."""


def method_of(calendar: Mapping[str, Any]) -> str:
    """Return the method of an entry. Raises CalendarError."""
    method = str(calendar.get("method") or "REQUEST").upper()
    if method not in METHODS:
        raise CalendarError(f"{method[:40]!r} is no method of a calendar entry: use {', '.join(METHODS)}")
    return method


def icalendar(
    calendar: Mapping[str, Any], *, identifier: str, organizer: str, attendees: Sequence[str]
) -> str:
    """Return the entry with CRLF, the same at every attempt. Raises CalendarError.

    `identifier` is its uid unless it has one of its own; mailboxes come checked.
    """
    method = method_of(calendar)
    start, end = _moment("start", calendar.get("start")), _end(calendar)
    if type(start) is not type(end) or start > end:
        raise CalendarError("a calendar entry ends before it starts, or one of the two is no moment")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//dreamlit//EN",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"UID:{_text(calendar.get('uid') or identifier)}",
        # A stamp of now would make another message of a second attempt.
        f"DTSTAMP:{_utc(start)}",
        f"SEQUENCE:{_sequence(calendar.get('sequence'))}",
        f"STATUS:{'CANCELLED' if method == 'CANCEL' else 'CONFIRMED'}",
        _when("DTSTART", start),
        _when("DTEND", end),
        f"SUMMARY:{_text(calendar.get('summary'))}",
    ]
    more = (key for key in ("location", "description") if calendar.get(key))
    lines.extend(f"{key.upper()}:{_text(calendar[key])}" for key in more)
    lines.append(f"ORGANIZER:mailto:{organizer}")
    if method != "PUBLISH":
        options = "ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
        lines += [f"ATTENDEE;{options}:mailto:{attendee}" for attendee in attendees]
    lines += ["END:VEVENT", "END:VCALENDAR", ""]
    return "\r\n".join(map(_folded, lines))


def _end(calendar: Mapping[str, Any]) -> date:
    if calendar.get("end"):
        return _moment("end", calendar["end"])
    start = _moment("start", calendar.get("start"))
    return start + (timedelta(hours=1) if isinstance(start, datetime) else timedelta(days=1))


def _moment(name: str, value: Any) -> date:
    """Return a day, or a moment in UTC, which one without a zone is taken to be."""
    try:
        if isinstance(value, str) and _DAY.fullmatch(value.strip()):
            return date.fromisoformat(value.strip())
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise CalendarError(f"{name} of a calendar entry is no date or timestamp") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _when(name: str, moment: date) -> str:
    return f"{name}:{_utc(moment)}" if isinstance(moment, datetime) else f"{name};VALUE=DATE:{moment:%Y%m%d}"


def _utc(moment: date) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _sequence(value: Any) -> int:
    text = str(value or 0).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise CalendarError("sequence of a calendar entry is no whole number")
    return int(text)


def _text(value: Any) -> str:
    shown = "".join(letter for letter in str(value or "") if letter == "\n" or letter.isprintable())
    return shown.translate(_ESCAPES)


def _folded(line: str) -> str:
    """Lines of at most 75 bytes, never cut within a character."""
    pieces, size = [""], 0
    for letter in line:
        width = len(letter.encode("utf-8"))
        if size + width > 74:
            pieces.append(" ")
            size = 1
        pieces[-1] += letter
        size += width
    return "\r\n".join(pieces)

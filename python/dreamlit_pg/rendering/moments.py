"""Dates and times, which come as the texts that PostgreSQL makes of them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from .language import LANGUAGE
from .optional import library
from .values import kind

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_LENGTHS = ("short", "medium", "long", "full")
_MAX_PATTERN = 100


def shown_date(value: Any, format: str = "medium", zone: Any = None, locale: Any = None) -> str:  # noqa: A002
    """A date, or the date of a moment as the clocks of a zone show it."""
    moment = _moment(value, "date")
    day = moment if type(moment) is date else _in_zone(moment, zone).date()
    return str(
        library("babel.dates").format_date(day, format=_format(format), locale=LANGUAGE.locale(locale))
    )


def shown_datetime(value: Any, format: str = "medium", zone: Any = None, locale: Any = None) -> str:  # noqa: A002
    """A moment as the clocks of a zone show it; without a zone of its own it is shown as it is."""
    moment = _moment(value, "datetime")
    if type(moment) is date:
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - a date has no zone
    moment = _in_zone(moment, zone)
    return str(
        library("babel.dates").format_datetime(
            moment, format=_format(format), tzinfo=moment.tzinfo, locale=LANGUAGE.locale(locale)
        )
    )


def _moment(value: Any, what: str) -> Any:
    """A date, or a datetime with a zone if the text has one."""
    if not isinstance(value, str):
        raise TypeError(f"|{what} takes a date or a timestamp, not a {kind(value)}")
    found = _MOMENT.fullmatch(value.strip())
    try:
        if found is None:
            raise ValueError  # noqa: TRY301 - the same message as for the 31st of June
        day = date(*map(int, found.group(1, 2, 3)))
        if found[4] is None:
            return day
        hour, minute, second = map(int, found.group(4, 5, 6))
        return datetime(
            *(day.year, day.month, day.day, hour, minute, second),
            int((found[7] or "").ljust(6, "0")),
            tzinfo=_offset(found[8]),
        )
    except ValueError:
        raise ValueError(f"|{what} takes a date or a timestamp, not {value[:60]!r}") from None


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if text[0] == "-" else away)


def _in_zone(moment: datetime, zone: Any) -> datetime:
    """A moment in the zone that is asked for, else in the message's, else in UTC."""
    if moment.tzinfo is None:
        return moment
    if zone is not None:
        return moment.astimezone(_zone(zone))
    try:
        return moment.astimezone(_zone(LANGUAGE.zone or "UTC"))
    except ValueError:  # as for quiet hours, a person's wrong zone fails nothing
        return moment.astimezone(_zone("UTC"))


def _zone(name: Any) -> tzinfo:
    if isinstance(name, str) and _ZONE.fullmatch(name) and len(name) <= 60:
        if name == "UTC":
            return UTC  # also where the server has no list of zones
        try:
            return ZoneInfo(name)
        except (LookupError, OSError, ValueError):
            pass
    raise ValueError(f"there is no time zone {str(name)[:60]!r}")


def _format(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise TypeError(f"a format is one of {', '.join(_LENGTHS)}, or a pattern such as d MMMM y")
    if len(given) > _MAX_PATTERN:
        raise ValueError(f"a format has at most {_MAX_PATTERN} characters")
    return given

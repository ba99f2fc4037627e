"""Values of the database that Python has no form for: moments beyond its calendar, JSON nested without end.

A wait until 'infinity' is a fair thing to ask for; one such row must not hide all the others from whoever
lists them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import DataError
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import set_json_loads

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Buffer

# A day inside the calendar's ends, so that each is a moment in every time zone.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
MAX_DEPTH = 100
"""Levels of JSON; json itself gives up at some thousand, depending on Python."""


def read_everything(cursor: psycopg.Cursor[Any]) -> None:
    """Let a cursor read every timestamptz and jsonb there can be.

    Moments beyond Python's calendar become EARLIEST or LATEST; JSON deeper than MAX_DEPTH stays text.
    """
    cursor.adapters.register_loader("timestamptz", _MomentLoader)
    set_json_loads(load_json, cursor)


def load_json(data: str | bytes) -> Any:
    """The value of a JSON text, or the text itself where it is nested deeper than MAX_DEPTH."""
    text = data if isinstance(data, str) else data.decode("utf-8")
    try:
        found = json.loads(text)
    except RecursionError:
        return text
    return text if _is_deep(text, found) else found


def _is_deep(text: str, value: Any) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for member in level:
            if isinstance(member, (dict, list)):
                inner.extend(member.values() if isinstance(member, dict) else member)
        level = inner
    return any(isinstance(member, (dict, list)) for member in level)


class _MomentLoader(TimestamptzLoader):
    def load(self, data: Buffer) -> datetime:
        try:
            return min(max(super().load(data), EARLIEST), LATEST)
        except DataError:
            text = bytes(data)
            return EARLIEST if text.startswith(b"-") or text.endswith(b"BC") else LATEST

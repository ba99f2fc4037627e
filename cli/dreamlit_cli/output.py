"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

PIPE_WIDTH = 240

STATE_STYLES = {
    "active": "green",
    "cancelled": "yellow",
    "attempt failed": "red",
    "discarded": "dim",
    "done": "green",
    "failed": "bold red",
    "held": "bold yellow",
    "open": "cyan",
    "paused": "yellow",
    "queued": "cyan",
    "running": "cyan",
    "sending": "cyan",
    "sent": "green",
    "skipped": "dim",
    "succeeded": "green",
    "suppressed": "yellow",
    "uncertain": "bold yellow",
    "unpublished": "dim",
    "waiting": "blue",
}


def console(*, stderr: bool = False) -> Console:
    """A console for the terminal; in a pipe or a file lines are as long as what they say."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=PIPE_WIDTH)


def print_json(value: object) -> None:
    """Print a value as JSON: times in ISO 8601, intervals in seconds."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def print_rows(rows: Iterable[Row], *, as_json: bool = False, empty: str = "nothing to show") -> None:
    """Print rows as a table, or as a list of JSON objects."""
    rows = list(rows)
    if as_json:
        print_json([dict(row) for row in rows])
    elif not rows:
        console().print(empty, style="dim")
    else:
        console().print(make_table(rows))


def make_table(
    rows: Iterable[Row], *, columns: Mapping[str, str] | None = None, title: str | None = None
) -> Table:
    """A table of rows; `columns` chooses and names the columns, else all are shown under their own names."""
    rows = list(rows)
    shown = dict(columns) if columns else {name: name for name in (rows[0] if rows else {})}
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for heading in shown.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(name, row.get(name)) for name in shown))
    return table


def _cell(name: str, value: object) -> Text:
    """Data is never markup: a name may hold brackets."""
    text = _words(value)
    return Text(text, style=STATE_STYLES.get(text, "") if name == "state" else "")


def _words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case timedelta():
            return format_seconds(value.total_seconds())
        case dict() | list():
            return json.dumps(value, default=_plain, ensure_ascii=False)
        case _:
            return str(value)


def format_seconds(seconds: float) -> str:
    """A span of time in its two greatest units: `2d 4h`, `3m 20s`, `4.2s`, `40ms`."""
    if seconds < 0:
        return f"-{format_seconds(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2])


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be printed as JSON")

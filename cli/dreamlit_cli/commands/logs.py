"""logs: what happens, as it happens; alerts: what the owner is told."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.text import Text

from dreamlit_cli.commands.common import as_json, limit, pass_client, show_result, show_rows
from dreamlit_cli.output import STATE_STYLES, console, format_seconds
from dreamlit_cli.times import Moment
from dreamlit_pg.client import Client, Row

POLL = 0.5
WINDOW = 10_000
"""Rows that are read at once while following."""
LATE = timedelta(seconds=30)
"""A row bears the time at which its transaction began, so it may turn up after later ones: we look back."""


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on until interrupted.")
@click.option("--workflow", help="Of this workflow.")
@click.option("--state", help="In this state: failed, sent, started, done, skipped, …")
@click.option("--recipient", help="To this address or Slack channel.")
@click.option("--run", "run_id", type=int, help="Of this run.")
@click.option("--since", type=Moment(), help="Since: '2 hours', 30m or '2026-11-21 14:00'. [default: 1 hour]")
@limit
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@pass_client
def logs(
    client: Client, *, follow: bool, workflow: str | None, state: str | None, recipient: str | None,
    run_id: int | None, since: datetime | None, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """What happened: runs, steps, messages, deliveries, and what people did; the oldest first."""
    filters = {"workflow": workflow, "state": state, "recipient": recipient, "run_id": run_id}
    since = since or datetime.now(UTC) - timedelta(hours=1)
    # What the limit leaves out counts as seen: it must not come later.
    rows = client.activity(since=since, limit=max(limit, WINDOW) if follow else limit, **filters)
    seen = {_identity(row) for row in rows}
    _print(rows[-limit:], as_json=as_json)
    newest = max([since, *(row["at"] for row in rows)])
    interrupted = _until_interrupted() if follow else lambda: True
    while not interrupted():
        time.sleep(POLL)
        rows = client.activity(since=max(since, newest - LATE), limit=WINDOW, **filters)
        _print([row for row in rows if _identity(row) not in seen], as_json=as_json)
        newest = max([newest, *(row["at"] for row in rows)])
        # What is older than the window cannot come again.
        seen = {_identity(row) for row in rows} | {known for known in seen if known[0] >= newest - LATE}


def _until_interrupted() -> Callable[[], bool]:
    """Return what tells whether Ctrl-C has been pressed, for an exception could be lost in a destructor.

    A second Ctrl-C raises as ever.
    """
    pressed: list[int] = []

    def note(number: int, _frame: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    return lambda: bool(pressed)


def _identity(row: Row) -> tuple[Any, ...]:
    return tuple(row.values())


def _print(rows: list[Row], *, as_json: bool) -> None:
    for row in rows:
        if as_json:
            click.echo(json.dumps(row, default=str, ensure_ascii=False))
        else:
            console().print(log_line(row), soft_wrap=True)


def log_line(row: Row) -> Text:
    """One row of the activity log, of all workflows or of one run."""
    line = Text(f"{row['at'].astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3], "dim")
    if "workflow" in row:
        line.append(f"  {row['workflow'] or '-':<16}")
        line.append(f" run {row['run_id']:<6}" if row["run_id"] else " " * 11, "dim")
    line.append(f" {_what(row)} ")
    line.append(row["state"], STATE_STYLES.get(row["state"], ""))
    if row["recipient"]:
        line.append(f" to {row['recipient']}")
    if row["seconds"] is not None:
        line.append(f" in {format_seconds(float(row['seconds']))}", "dim")
    if row["detail"]:
        line.append(f": {row['detail']}", "red" if row["state"] in ("failed", "attempt failed") else "dim")
    return line


def _what(row: Row) -> str:
    if row["message_id"]:
        return f"{row['what']} {row['message_id']}"
    return f"{row['step']} ({row['what']})" if row["step"] else str(row["what"])


@click.command()
@click.option("--test", is_flag=True, help="Tell the owner that this is a test.")
@limit
@as_json
@pass_client
def alerts(client: Client, *, test: bool, limit: int, as_json: bool) -> None:
    """The troubles that the owner is told of, open ones first."""
    if test:
        show_result("messages", client.test_alert(), as_json=as_json)
        return
    found = client.alerts(limit=limit)
    if as_json or not found:
        show_rows(found, (), as_json=as_json, empty="no trouble")
    for row in [] if as_json else found:
        console().print(_alert(row), soft_wrap=True)


def _alert(row: Row) -> Text:
    """The trouble with its times, and below it what the owner was told."""
    title, *rest = row["text"].splitlines()
    text = Text(title, "dim" if row["closed_at"] else "bold red")
    told = f", told {row['told_at'].astimezone():%H:%M}" if row["told_at"] else ""
    closed = f", closed {row['closed_at'].astimezone():%Y-%m-%d %H:%M}" if row["closed_at"] else ""
    text.append(f"  since {row['opened_at'].astimezone():%Y-%m-%d %H:%M}{told}{closed}\n", "dim")
    # The last line tells how to find all alerts, which are here already.
    text.append("".join(f"  {line}\n" for line in rest[:-1] if line))
    return text


ALL = (logs, alerts)

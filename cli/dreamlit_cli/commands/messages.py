"""messages, and message show, release, discard."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path

import click

from dreamlit_cli.commands.common import as_json, limit, pass_client, show_result, show_rows
from dreamlit_cli.output import console, make_table, print_json
from dreamlit_cli.times import Moment
from dreamlit_pg.client import Client


@click.command()
@click.option("--workflow", help="Of this workflow.")
@click.option("--state", help="In this state: queued, sending, held, sent, failed, cancelled, uncertain, …")
@click.option("--recipient", help="To this address or Slack channel.")
@click.option("--run", "run_id", type=int, help="Of this run.")
@click.option("--since", type=Moment(), help="Made since: '2 hours', 30m or '2026-11-21 14:00'.")
@limit
@as_json
@pass_client
def messages(
    client: Client,
    *,
    workflow: str | None,
    state: str | None,
    recipient: str | None,
    run_id: int | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Messages, the newest first."""
    found = client.messages(
        workflow=workflow, state=state, recipient=recipient, run_id=run_id, since=since, limit=limit
    )
    columns = (
        "message_id",
        "run_id",
        "workflow",
        "step",
        "channel",
        "recipient",
        "subject",
        "state",
        "attempts",
        "error",
    )
    show_rows(found, columns, as_json=as_json, empty="no such message")


@click.group()
def message() -> None:
    """One message."""


@message.command()
@click.argument("message_id", type=int)
@click.option("--open", "opened", is_flag=True, help="Open an email's HTML in the browser.")
@as_json
@pass_client
def show(client: Client, message_id: int, *, opened: bool, as_json: bool) -> None:
    """A message as it was rendered, and every try to deliver it."""
    found, attempts = client.message(message_id), client.attempts(message_id)
    if as_json:
        print_json({"message": found, "attempts": attempts})
        return
    screen = console()
    content = found.pop("content")
    screen.print(
        make_table([{"key": key, "value": value} for key, value in found.items() if value is not None])
    )
    screen.print()
    screen.print(content.get("text") or content.get("html") or json.dumps(content, indent=2), markup=False)
    if attempts:
        screen.print()
        screen.print(make_table(attempts, title="Attempts"))
    if opened and content.get("html"):
        file = Path(tempfile.mkdtemp()) / f"message-{message_id}.html"
        file.write_text(content["html"], "utf-8")
        click.launch(str(file))


@message.command()
@click.argument("message_id", type=int)
@as_json
@pass_client
def release(client: Client, message_id: int, *, as_json: bool) -> None:
    """Send a held message: one of the sandbox, or an uncertain one once more."""
    show_result(f"message {message_id}", client.release(message_id), as_json=as_json)


@message.command()
@click.argument("message_id", type=int)
@click.option("--delivered", is_flag=True, help="You know that it arrived.")
@as_json
@pass_client
def discard(client: Client, message_id: int, *, delivered: bool, as_json: bool) -> None:
    """Settle a held message without sending it."""
    show_result(f"message {message_id}", client.discard(message_id, delivered=delivered), as_json=as_json)


ALL = (messages, message)

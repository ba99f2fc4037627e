"""preview and send-test: what a workflow would send, without sending it."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dreamlit_cli.commands.common import as_json
from dreamlit_cli.output import console, print_json
from dreamlit_cli.preview_page import render_page
from dreamlit_pg.client import Client
from dreamlit_pg.definition import ENDINGS, read_workflow
from dreamlit_pg.errors import DefinitionError, DreamlitError
from dreamlit_pg.previews import Preview

row = click.option("--row", metavar="KEY", help="The row with this primary key; else the newest.")
payload = click.option("--payload", help="The fields as JSON, in the place of a row.")
step = click.option("--step", metavar="ID", help="This step's messages only.")
all_branches = click.option("--all", "all_branches", is_flag=True, help="Take every branch.")


@click.command()
@click.argument("workflow", metavar="FILE|NAME")
@row
@payload
@step
@all_branches
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where the page goes; else a new folder."
)
@click.option("--no-open", is_flag=True, help="Do not open the page in the browser.")
@as_json
@click.pass_obj
def preview(
    dsn: str, /, workflow: str, *, out: Path | None, no_open: bool, as_json: bool, **options: Any
) -> None:
    """Show what a workflow would send for a row, with its real queries. Nothing is sent or kept.

    A YAML file need not be published, and is not. Waits are over at once; conditions decide as now.
    """
    name, messages = _messages(dsn, workflow, **options)
    if as_json:
        print_json({"workflow": name, "messages": [asdict(message) for message in messages]})
        return
    shown = f"row {options['row']}" if options["row"] else "the newest row"
    page = render_page(name, "a payload" if options["payload"] else shown, messages)
    folder = out or Path(tempfile.mkdtemp(prefix="dreamlit-preview-"))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.html"
    file.write_text(page, "utf-8")
    _print(messages)
    console().print(str(file), markup=False, soft_wrap=True)
    if not no_open:
        click.launch(file.resolve().as_uri())


def _messages(
    dsn: str,
    workflow: str,
    *,
    row: str | None,
    payload: str | None,
    step: str | None,
    all_branches: bool = False,
) -> tuple[str, list[Preview]]:
    """The workflow's name and its messages. Raises DefinitionError, NotFound, WrongState."""
    name, source = workflow, workflow if not _is_file(workflow) else None
    document = None
    if source is None:
        definition = read_workflow(workflow)
        name, document = definition.name, definition.document
    if row is not None and payload is not None:
        raise click.UsageError("--row and --payload exclude each other")
    found = Client(dsn).preview(
        source if document is None else document,  # type: ignore[arg-type]
        row=row,
        payload=None if payload is None else _object(payload),
        step=step,
        all_branches=all_branches,
    )
    return name, found


def _is_file(workflow: str) -> bool:
    return workflow.lower().endswith(ENDINGS) or Path(workflow).is_file()


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as exc:
        raise DefinitionError(
            f"the payload is no JSON: {exc}", hint='write {"email": "a@example.com"}'
        ) from exc
    if not isinstance(document, dict):
        raise DefinitionError("the payload is no JSON object", hint='write {"email": "a@example.com"}')
    return document


def _print(messages: Sequence[Preview]) -> None:
    screen = console()
    if not messages:
        screen.print("no message: no step that sends was reached (--all takes every branch)", style="dim")
    for message in messages:
        content = message.content or {}
        to = content.get("to") or content.get("channel") or ""
        shown = ", ".join(to) if isinstance(to, list) else str(to)
        screen.print(f"{message.step}: {shown} {content.get('subject') or ''}".rstrip(), markup=False)
        if message.error:
            where = f"{message.error['field']}: " if message.error.get("field") else ""
            screen.print(f"  error: {where}{message.error.get('message')}", style="red", markup=False)
        for warning in message.warnings:
            screen.print(f"  {warning}", style="yellow", markup=False)


@click.command("send-test")
@click.argument("workflow", metavar="FILE|NAME")
@click.option("--to", required=True, metavar="ADDRESS", help="The one address that it goes to.")
@row
@payload
@step
@all_branches
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The sender's TOML file; else dreamlit.toml if there.",
)
@as_json
@click.pass_obj
def send_test(
    dsn: str, /, workflow: str, *, to: str, config: Path | None, as_json: bool, **options: Any
) -> None:
    """Send what a workflow would send for a row to yourself, by the sender's own transport.

    The subject begins with [test]; copies are left out. Nothing is written to the database.
    """
    from dreamlit_sender.config import Config
    from dreamlit_sender.send_test import send_tests

    given = {"DREAMLIT_DSN": dsn} if dsn else {}
    found = Config.load(config, environ={**os.environ, **given})
    _, messages = _messages(dsn, workflow, **options)
    emails = [message for message in messages if message.channel == "email"]
    broken = next((message for message in emails if message.content is None), None)
    if broken is not None:
        raise DreamlitError(f"the step {broken.step} failed: {(broken.error or {}).get('message')}")
    if not emails:
        raise DreamlitError(
            "the workflow makes no email of this row",
            hint="dreamlit preview shows what it makes; --all takes every branch",
        )
    sent = asyncio.run(send_tests(found, to, [dict(message.content or {}) for message in emails]))
    if as_json:
        print_json({"sent": sent})
        return
    for message, outcome in zip(emails, sent, strict=True):
        console().print(f"{message.step}: sent to {to} by {outcome['provider']}", markup=False)


ALL = (preview, send_test)

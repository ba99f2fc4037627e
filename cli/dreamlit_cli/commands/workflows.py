"""publish, unpublish, pause, resume, start, workflows, events."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import psycopg

from dreamlit_cli.commands.common import as_json, limit, pass_client, show_result, show_rows
from dreamlit_cli.output import console, make_table, print_json
from dreamlit_pg.client import Client
from dreamlit_pg.definition import Definition, read_folder, read_workflow
from dreamlit_pg.errors import DefinitionError, Fault, from_database

PLAN = ("workflow", "version", "change", "triggers")


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--sandbox", is_flag=True, help="Hold every message: see dreamlit messages --state held.")
@as_json
@click.pass_obj
def publish(dsn: str, path: Path, *, dry_run: bool, sandbox: bool, as_json: bool) -> None:
    """Publish a YAML file, or all of a folder in one transaction."""
    definitions = read_folder(path) if path.is_dir() else [read_workflow(path)]
    try:
        with psycopg.connect(dsn) as connection:
            plan = _publish_all(connection, definitions, sandbox=sandbox)
            if not as_json:
                console().print(make_table(plan, columns={name: name for name in PLAN}))
            if dry_run:
                connection.rollback()
    except psycopg.Error as exc:
        raise from_database(exc) from exc
    if as_json:
        print_json({"published": not dry_run, "plan": plan})
    else:
        console().print("nothing has been changed" if dry_run else "published", style="dim")


def _publish_all(
    connection: psycopg.Connection[Any], definitions: list[Definition], *, sandbox: bool
) -> list[dict[str, Any]]:
    """Publish them all; returns what changed. Raises one DefinitionError with the faults of all files."""
    client = Client(connection)
    plan, faults = [], []
    for definition in definitions:
        before = client.triggers(definition.name)
        try:
            with connection.transaction():
                published = client.publish(definition.document, sandbox=sandbox)
        except DefinitionError as error:
            faults += [_of_file(definition.path, fault) for fault in error.faults]
            continue
        change = "unchanged" if not published.changed else "new version" if published.version > 1 else "new"
        plan.append(
            {
                "workflow": published.name,
                "version": published.version,
                "change": change,
                "triggers": _difference(before, client.triggers(definition.name)),
            }
        )
    if faults:
        raise DefinitionError(
            f"{len(faults)} fault{'s'[: len(faults) != 1]} in what was to be published",
            hint="mend them and publish again; nothing has been changed",
            faults=faults,
        )
    return plan


def _of_file(path: Path, fault: Fault) -> Fault:
    return Fault(place=f"{path.name}: {fault.place}", fact=fault.fact, hint=fault.hint)


def _difference(before: set[str], after: set[str]) -> str:
    made = [f"+ {name}" for name in sorted(after - before)]
    return ", ".join(made + [f"- {name}" for name in sorted(before - after)]) or "as they are"


@click.command()
@click.argument("name")
@click.option("--cancel-runs", is_flag=True, help="Cancel its open runs too; else they finish.")
@as_json
@pass_client
def unpublish(client: Client, name: str, *, cancel_runs: bool, as_json: bool) -> None:
    """Take a workflow's triggers off its table."""
    show_result("open runs", client.unpublish(name, cancel_runs=cancel_runs), as_json=as_json)


@click.command()
@click.argument("name")
@as_json
@pass_client
def pause(client: Client, name: str, *, as_json: bool) -> None:
    """Stop a workflow at once: events are still captured, nothing moves, nothing leaves."""
    show_result(name, client.pause(name), as_json=as_json)


@click.command()
@click.argument("name")
@as_json
@pass_client
def resume(client: Client, name: str, *, as_json: bool) -> None:
    """Let a paused workflow go on."""
    show_result(name, client.resume(name), as_json=as_json)


@click.command()
@click.argument("name")
@click.argument("state", type=click.Choice(["on", "off"]))
@as_json
@pass_client
def sandbox(client: Client, name: str, state: str, *, as_json: bool) -> None:
    """Hold all messages of a workflow, or no more; what is held stays so."""
    show_result("sandbox", client.set_sandbox(name, sandbox=state == "on"), as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--email", help="All email to this address.")
@click.option("--slack", help="All Slack messages to this channel.")
@as_json
@pass_client
def redirect(client: Client, name: str, *, email: str | None, slack: str | None, as_json: bool) -> None:
    """Send a workflow's messages elsewhere; with no option, to whom they are for again."""
    show_result("redirect", client.redirect(name, email=email, slack=slack), as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--payload", default="{}", help="The captured columns as JSON; - reads standard input.")
@as_json
@pass_client
def start(client: Client, name: str, *, payload: str, as_json: bool) -> None:
    """Start a run by hand."""
    text = sys.stdin.read() if payload == "-" else payload
    show_result("run", client.start(name, _payload(text)), as_json=as_json)


def _payload(text: str) -> dict[str, Any]:
    """The JSON object of a text. Raises DefinitionError, also for what only Python takes, such as NaN."""
    hint = 'write {"email": "a@example.com"}'
    try:
        document = json.loads(text)
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as exc:
        raise DefinitionError(f"the payload is no JSON: {exc}", hint=hint) from exc
    except RecursionError as exc:
        raise DefinitionError("the payload is nested too deeply", hint=hint) from exc
    if not isinstance(document, dict):
        raise DefinitionError("the payload is no JSON object", hint=hint)
    return document


@click.command()
@as_json
@pass_client
def workflows(client: Client, *, as_json: bool) -> None:
    """All workflows with their published versions."""
    columns = (
        "name",
        "state",
        "sandbox",
        "version",
        "watches",
        "operations",
        "publisher",
        "open_runs",
        "published_at",
    )
    show_rows(client.workflows(), columns, as_json=as_json, empty="no workflow has been published")


@click.command()
@click.option("--workflow", help="Of this workflow.")
@limit
@as_json
@pass_client
def events(client: Client, *, workflow: str | None, limit: int, as_json: bool) -> None:
    """What was captured: waiting, taken by a run, or ignored and why."""
    columns = ("event_id", "workflow", "operation", "occurred_at", "run_id", "ignored_because", "payload")
    show_rows(client.events(workflow=workflow, limit=limit), columns, as_json=as_json)


ALL = (publish, unpublish, pause, resume, sandbox, redirect, start, workflows, events)

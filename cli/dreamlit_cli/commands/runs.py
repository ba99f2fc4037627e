"""runs, and run show, cancel, retry."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import click
from rich.text import Text
from rich.tree import Tree

from dreamlit_cli.commands.common import as_json, limit, pass_client, show_result, show_rows
from dreamlit_cli.commands.logs import log_line
from dreamlit_cli.output import STATE_STYLES, console, format_seconds, print_json
from dreamlit_cli.times import since
from dreamlit_pg.client import Client, Row


@click.command()
@click.option("--workflow", help="Of this workflow.")
@click.option(
    "--state", type=click.Choice(["running", "paused", "failed", "done", "cancelled"]), help="In this state."
)
@click.option("--recipient", help="With a message to this address or Slack channel.")
@since
@limit
@as_json
@pass_client
def runs(
    client: Client, *, workflow: str | None, state: str | None, recipient: str | None,
    since: datetime | None, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Runs, the newest first."""
    columns = (
        "run_id",
        "workflow",
        "version",
        "state",
        "started_at",
        "doing",
        "waits_until",
        "messages",
        "last_error",
    )
    found = client.runs(workflow=workflow, state=state, recipient=recipient, since=since, limit=limit)
    show_rows(found, columns, as_json=as_json, empty="no such run")


@click.group()
def run() -> None:
    """One run."""


@run.command()
@click.argument("run_id", type=int)
@as_json
@pass_client
def show(client: Client, run_id: int, *, as_json: bool) -> None:
    """What a run has done, step by step."""
    found, tasks = client.run(run_id), client.tasks(run_id)
    messages = client.messages(run_id=run_id, limit=1000)
    if as_json:
        print_json({"run": found, "tasks": tasks, "messages": messages})
    else:
        console().print(_tree(found, tasks, client.parents(found["workflow"], found["version"]), messages))


def _tree(found: Row, tasks: list[Row], parents: dict[str, str], messages: list[Row]) -> Tree:
    """The steps under their parents; of a step with many tasks, how many are in each state."""
    title = Text.assemble(
        (f"run {found['run_id']}", "bold"), f" of {found['workflow']} v{found['version']}, "
    )
    title.append(found["state"], STATE_STYLES.get(found["state"], ""))
    title.append(f", {found['started_by']} at {found['occurred_at'].astimezone():%Y-%m-%d %H:%M:%S}")
    if found["last_error"]:
        title.append(f"\n{found['last_error'].get('message')}", "red")
    tree = Tree(title)
    by_step: dict[str, list[Row]] = defaultdict(list)
    for task in tasks:
        by_step[task["step"]].append(task)
    nodes = {"trigger": tree}
    for step, parent in parents.items():
        branch = nodes.get(parent, tree)
        nodes[step] = branch.add(_step(step, by_step[step])) if by_step[step] else branch
        for message in messages:
            if message["step"] == step and len(by_step[step]) <= 20:
                nodes[step].add(_message(message))
    return tree


def _step(name: str, tasks: list[Row]) -> Text:
    line = Text(f"{name} ")
    for state in dict.fromkeys(task["state"] for task in tasks):
        some = [task for task in tasks if task["state"] == state]
        line.append(state, STATE_STYLES.get(state, ""))
        line.append(f": {len(some)}  " if len(tasks) > 1 else _details(some[0]))
    return line


def _details(task: dict[str, Any]) -> str:
    parts = []
    if task["finished_at"]:
        parts.append(f"after {format_seconds((task['finished_at'] - task['started_at']).total_seconds())}")
    elif task["due_at"]:
        parts.append(f"until {task['due_at'].astimezone():%Y-%m-%d %H:%M:%S}")
    if task["attempt"]:
        parts.append(f"{task['attempt']} failed attempts")
    if task["error"]:
        parts.append(str(task["error"].get("message")))
    return f" ({', '.join(parts)})" if parts else ""


def _message(message: Row) -> Text:
    line = Text(f"message {message['message_id']} to {message['recipient'] or 'the webhook'}: ", "dim")
    line.append(message["state"], STATE_STYLES.get(message["state"], ""))
    if message["error"]:
        line.append(f" ({message['error'].get('message')})")
    return line


@run.command()
@click.argument("run_id", type=int)
@as_json
@pass_client
def cancel(client: Client, run_id: int, *, as_json: bool) -> None:
    """End a run's tasks; queued messages are not sent."""
    show_result(f"run {run_id}", client.cancel_run(run_id), as_json=as_json)


@run.command()
@click.argument("run_id", type=int)
@as_json
@pass_client
def retry(client: Client, run_id: int, *, as_json: bool) -> None:
    """Resume a run's failed tasks where they failed."""
    show_result("tasks resumed", client.retry_run(run_id), as_json=as_json)


@run.command()
@click.argument("run_id", type=int)
@click.option("--version", type=int, help="On this version; else the published one.")
@as_json
@pass_client
def rerun(client: Client, run_id: int, *, version: int | None, as_json: bool) -> None:
    """Start a run's event afresh; the old run stays as it is."""
    show_result("run", client.rerun(run_id, version=version), as_json=as_json)


@run.command()
@click.argument("run_id", type=int)
@as_json
@pass_client
def log(client: Client, run_id: int, *, as_json: bool) -> None:
    """What happened in a run, in the order of time."""
    rows = client.run_log(run_id)
    if as_json:
        print_json(rows)
    for row in [] if as_json else rows:
        console().print(log_line(row), soft_wrap=True)


ALL = (runs, run)

"""retry-failed, rerun-runs, cancel-runs, release-messages, discard-messages: many at once, counted first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from dreamlit_cli.commands.common import as_json, pass_client
from dreamlit_cli.output import console, print_json
from dreamlit_cli.times import since, until
from dreamlit_pg.client import Client

Counts = dict[str, Any]

yes = click.option("--yes", is_flag=True, help="Do not ask.")
dry_run = click.option("--dry-run", is_flag=True, help="Only count.")
reason = click.option(
    "--reason", type=click.Choice(["sandbox", "uncertain"]), default="sandbox", show_default=True,
    help="Those that are held for this.",
)  # fmt: skip


def _confirm(call: Callable[[bool], Counts], what: str, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Count, ask, do. `call` takes whether it only counts; it runs twice, so the counts may have moved."""
    counts = call(True)
    if not as_json:
        console().print(f"{what}: {_words(counts)}", markup=False)
    if not dry_run and any(counts.values()):
        if not yes and not as_json:
            click.confirm("go on?", abort=True)
        counts = call(False)
        if not as_json:
            console().print(f"done: {_words(counts)}", markup=False)
    if as_json:
        print_json({**counts, "dry_run": dry_run})


def _words(counts: Counts) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


@click.command(name="retry-failed")
@click.option("--workflow", help="Of this workflow.")
@since
@until
@yes
@dry_run
@as_json
@pass_client
def retry_failed(
    client: Client, *, workflow: str | None, since: datetime | None, until: datetime | None,
    yes: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Resume the failed tasks of all matching runs."""

    def call(counting: bool) -> Counts:
        return client.retry_failed(workflow, since=since, until=until, dry_run=counting)

    _confirm(call, "to retry", yes=yes, dry_run=dry_run, as_json=as_json)


@click.command(name="rerun-runs")
@click.argument("workflow")
@click.option(
    "--state", "states", multiple=True, default=("failed",), show_default=True,
    type=click.Choice(["running", "failed", "done", "cancelled"]), help="In this state; may be repeated.",
)  # fmt: skip
@click.option("--version", type=int, help="On this version; else the published one.")
@since
@until
@yes
@dry_run
@as_json
@pass_client
def rerun_runs(
    client: Client, *, workflow: str, states: tuple[str, ...], version: int | None,
    since: datetime | None, until: datetime | None, yes: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Start the events of all matching runs afresh; the old runs stay as they are."""

    def call(counting: bool) -> Counts:
        return client.rerun_runs(
            workflow, states=states, since=since, until=until, version=version, dry_run=counting
        )

    _confirm(call, "to rerun", yes=yes, dry_run=dry_run, as_json=as_json)


@click.command(name="cancel-runs")
@click.option("--workflow", help="Of this workflow.")
@since
@until
@yes
@dry_run
@as_json
@pass_client
def cancel_runs(
    client: Client, *, workflow: str | None, since: datetime | None, until: datetime | None,
    yes: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Cancel all matching open runs; their queued messages are not sent."""

    def call(counting: bool) -> Counts:
        return client.cancel_runs(workflow, since=since, until=until, dry_run=counting)

    _confirm(call, "to cancel", yes=yes, dry_run=dry_run, as_json=as_json)


@click.command(name="release-messages")
@click.argument("workflow")
@reason
@yes
@dry_run
@as_json
@pass_client
def release_messages(
    client: Client, *, workflow: str, reason: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Send all held messages of a workflow."""

    def call(counting: bool) -> Counts:
        return {"messages": client.release_messages(workflow, reason=reason, dry_run=counting)}

    _confirm(call, "to send", yes=yes, dry_run=dry_run, as_json=as_json)


@click.command(name="discard-messages")
@click.argument("workflow")
@reason
@yes
@dry_run
@as_json
@pass_client
def discard_messages(
    client: Client, *, workflow: str, reason: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Settle all held messages of a workflow without sending them."""

    def call(counting: bool) -> Counts:
        return {"messages": client.discard_messages(workflow, reason=reason, dry_run=counting)}

    _confirm(call, "to discard", yes=yes, dry_run=dry_run, as_json=as_json)


ALL = (retry_failed, rerun_runs, cancel_runs, release_messages, discard_messages)

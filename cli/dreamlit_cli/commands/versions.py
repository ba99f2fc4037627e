"""versions, diff, rollback, migrate-runs, retire, check-migration."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import yaml
from rich.text import Text

from dreamlit_cli.commands.common import as_json, pass_client, show_result, show_rows
from dreamlit_cli.output import console, print_json
from dreamlit_pg.client import Client
from dreamlit_pg.errors import NotFound, WrongState
from dreamlit_pg.migration_check import Checked, Report, Statement, check_migration

KEYS = (
    *("workflow", "description", "trigger", "table", "call", "on", "when", "columns", "key"),
    *("for_each", "steps"),
    *("id", "after", "if", "wait", "query", "collect", "email", "slack", "to", "subject", "files"),
)
"""The order in which people write what jsonb keeps in an order of its own."""

VERDICTS = {"untouched": "dim", "follows": "green", "broken": "bold red", "blocked": "bold red"}


@click.command()
@click.argument("name")
@as_json
@pass_client
def versions(client: Client, name: str, *, as_json: bool) -> None:
    """The versions of a workflow, newest first, and the runs that are still on them."""
    columns = ("version", "state", "publisher", "published_at", "open_runs", "waiting_events", "failed_runs")
    show_rows(client.versions(name), columns, as_json=as_json)


@click.command()
@click.argument("name")
@click.argument("from_version", metavar="FROM", type=int)
@click.argument("to_version", metavar="TO", type=int)
@as_json
@pass_client
def diff(client: Client, name: str, from_version: int, to_version: int, *, as_json: bool) -> None:
    """What differs between two versions, as YAML."""
    if as_json:
        print_json(client.version_diff(name, from_version, to_version))
        return
    found = {row["version"]: row["definition"] for row in client.versions(name)}
    for wanted in (from_version, to_version):
        if wanted not in found:
            raise NotFound(
                f"workflow {name} has no version {wanted}",
                hint=f"see: dreamlit versions {name}",
                code="DL002",
            )
    lines = list(
        difflib.unified_diff(
            _as_yaml(found[from_version]).splitlines(),
            _as_yaml(found[to_version]).splitlines(),
            f"{name} version {from_version}",
            f"{name} version {to_version}",
            lineterm="",
        )
    )
    screen = console()
    for line in lines or ["no difference"]:
        screen.print(Text(line, style=_line_style(line)), soft_wrap=True)


def _line_style(line: str) -> str:
    if line.startswith(("---", "+++")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, as people write them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _as_yaml(definition: Mapping[str, Any]) -> str:
    return yaml.dump(_ordered(definition), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _ordered(value: Any) -> Any:
    match value:
        case dict():
            keys = sorted(value, key=lambda key: (KEYS.index(key) if key in KEYS else len(KEYS), key))
            return {key: _ordered(value[key]) for key in keys}
        case list():
            return [_ordered(member) for member in value]
        case _:
            return value


@click.command()
@click.argument("name")
@click.argument("version", type=int)
@as_json
@pass_client
def rollback(client: Client, name: str, version: int, *, as_json: bool) -> None:
    """Publish an earlier version's definition again, as a new version."""
    published = client.rollback(name, version)
    if as_json:
        print_json(asdict(published))
    elif published.changed:
        console().print(f"{name}: version {published.version} is version {version} again", markup=False)
    else:
        console().print(
            f"{name}: version {published.version} is just that; nothing has been changed", markup=False
        )


@click.command(name="migrate-runs")
@click.argument("name")
@click.argument("from_version", metavar="FROM", type=int)
@click.option("--to", "to_version", type=int, help="The version to go to; else the published one.")
@click.option("--dry-run", is_flag=True, help="Show what would move and move nothing.")
@as_json
@pass_client
def migrate_runs(
    client: Client, name: str, from_version: int, *, to_version: int | None, dry_run: bool, as_json: bool
) -> None:
    """Move the waiting runs of an old version to another one; waits keep their moments."""
    found = client.migrate_runs(name, from_version, to_version=to_version, dry_run=dry_run)
    if as_json:
        print_json(found)
        return
    staying = [row for row in found if row["reason"] is not None]
    word = "would move" if dry_run else "moved"
    console().print(f"{word}: {len(found) - len(staying)}, staying: {len(staying)}")
    if staying:
        show_rows(staying, ("run_id", "reason"), as_json=False)


@click.command()
@click.argument("name")
@click.argument("version", type=int)
@as_json
@pass_client
def retire(client: Client, name: str, version: int, *, as_json: bool) -> None:
    """Give up a version that is kept only for the retry of its failed runs."""
    state = client.retire_version(name, version)
    if state == "marked":  # the first call stands before the second: now only others' transactions count
        state = client.retire_version(name, version)
    if state == "marked":
        raise WrongState(
            f"a transaction that is open may still bring an event of version {version} of {name}",
            hint="retire it again when that has ended: see dreamlit health, oldest snapshot",
        )
    show_result(f"{name} version {version}", state, as_json=as_json)


@click.command(name="check-migration")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--lock-timeout", default="2s", show_default=True, help="How long to wait for each lock.")
@as_json
@click.pass_obj
def check(dsn: str, file: Path, *, lock_timeout: str, as_json: bool) -> None:
    """Run a migration, roll it back, and tell what it would do to every workflow.

    It holds the migration's locks for as long as it runs: use a copy, or a short lock timeout.
    Exit status 1 if a workflow is blocked or broken, or a statement fails.
    """
    if not as_json:
        console(stderr=True).print(
            "running the migration, to be rolled back; it holds its locks meanwhile", style="dim"
        )
    report = check_migration(dsn, file.read_text("utf-8"), lock_timeout=lock_timeout)
    if as_json:
        print_json(_as_document(report))
    else:
        _print_report(report)
    if not report.ok:
        sys.exit(1)


def _as_document(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "statements": [asdict(statement) for statement in report.statements],
        "workflows": [{**asdict(checked), "verdict": checked.verdict} for checked in report.workflows],
    }


def _print_report(report: Report) -> None:
    for statement in report.statements:
        if statement.state not in ("ran", "blocked"):
            _print_lines(_of_statement(statement))
    for checked in report.workflows:
        style = VERDICTS[checked.verdict]
        console().print(f"[{style}]{checked.verdict:<9}[/] ", end="")
        console().print(f"{checked.workflow} version {checked.version} ({checked.state})", markup=False)
        _print_lines(_of_version(checked))
    ran = sum(statement.state == "ran" for statement in report.statements)
    console().print(f"{ran} of {len(report.statements)} statements ran; all is rolled back", style="dim")


def _of_statement(statement: Statement) -> Iterator[tuple[str, str]]:
    style = "bold red" if statement.state == "failed" else "yellow"
    yield f"line {statement.line}: {statement.state}: {statement.text}: {statement.message}", style
    if statement.way:
        yield f"    way: {statement.way}", "dim"


def _of_version(checked: Checked) -> Iterator[tuple[str, str]]:
    for finding in checked.findings:
        place = f", {finding.place}" if finding.place else ""
        yield f"    line {finding.line}{place}: {finding.fact}", ""
        yield f"        way: {finding.way}", "dim"


def _print_lines(lines: Iterator[tuple[str, str]]) -> None:
    for line, style in lines:
        console().print(line, style=style, markup=False, soft_wrap=True)


ALL = (versions, diff, rollback, migrate_runs, retire, check)

"""install, upgrade, uninstall, doctor, settings."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from dreamlit_cli.commands.common import as_json, pass_client, show_result, show_rows
from dreamlit_cli.output import console, print_json
from dreamlit_pg import install as installation
from dreamlit_pg.client import Client
from dreamlit_pg.errors import NotInstalled

STYLES = {"ok": "green", "warning": "yellow", "critical": "bold red"}


@click.command()
@click.option("--print", "printed", is_flag=True, help="Print the SQL instead of running it.")
@click.option(
    "--replica",
    is_flag=True,
    help="For a database whose tables logical replication writes: capture what it writes too.",
)
@as_json
@click.pass_obj
def install(dsn: str, *, printed: bool, replica: bool, as_json: bool) -> None:
    """Install the engine in the database, or bring it to this release. May be repeated."""
    if printed and replica:
        raise click.UsageError("--print gives the SQL of every installation: --replica is a setting after it")
    if printed:
        click.echo(installation.script(), nl=False)
        return
    _report(installation.install(dsn, replica=replica), as_json=as_json)


@click.command()
@as_json
@click.pass_obj
def upgrade(dsn: str, *, as_json: bool) -> None:
    """Bring an installed engine to this release."""
    if Client(dsn).release_installed() is None:
        raise NotInstalled(
            "dreamlit is not installed in this database", hint="run: dreamlit install", code="DL005"
        )
    _report(installation.install(dsn), as_json=as_json)


def _report(report: installation.Report, *, as_json: bool) -> None:
    if as_json:
        print_json(vars(report))
        return
    screen = console()
    screen.print(f"dreamlit {report.release} is installed")
    screen.print(f"  templates are rendered by the {report.renderer}")
    screen.print(f"  the worker is started by {report.ticker}")
    for notice in report.notices:
        screen.print(f"  {notice.removeprefix('dreamlit: ')}", style="dim", markup=False, soft_wrap=True)


@click.command()
@click.option("--force", is_flag=True, help="Although workflows are published: they go too.")
@click.pass_obj
def uninstall(dsn: str, *, force: bool) -> None:
    """Remove triggers, jobs, queues, functions, schemas and roles."""
    left = installation.uninstall(dsn, force=force)
    console().print("dreamlit is uninstalled")
    for line in left:
        console().print(f"  left: {line}", style="yellow", markup=False, soft_wrap=True)


@click.command()
@click.option("--domain", help="Check what DNS says of this domain, which e-mail comes from, instead.")
@click.option("--selector", "selectors", multiple=True, help="A DKIM selector of it; else the usual ones.")
@click.option("--return-path", help="The domain of the envelope's sender, if it is another.")
@click.option("--nameserver", help="The address of the name server to ask; a port may follow.")
@as_json
@pass_client
def doctor(
    client: Client,
    *,
    domain: str | None,
    selectors: tuple[str, ...],
    return_path: str | None,
    nameserver: str | None,
    as_json: bool,
) -> None:
    """Check everything that can be wrong; exit status 1 if anything is critical."""
    if domain is None and (selectors or return_path or nameserver):
        raise click.UsageError("--selector, --return-path and --nameserver go with --domain")
    if domain is not None:
        _check_domain(domain, selectors, return_path, nameserver, as_json=as_json)
        return
    checks = client.doctor()
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            _print_check(check)
    if any(check["state"] == "critical" for check in checks):
        sys.exit(1)


def _print_check(check: dict[str, Any]) -> None:
    screen = console()
    style = STYLES[check["state"]]
    screen.print(f"[{style}]{check['state']:<9}[/] ", end="")
    screen.print(f"{check['name']}: {check['detail']}", markup=False, soft_wrap=True)
    if check["state"] != "ok" and check["mend"]:
        screen.print(f"          mend: {check['mend']}", markup=False, soft_wrap=True, style="dim")


def _check_domain(
    domain: str, selectors: tuple[str, ...], return_path: str | None, nameserver: str | None, *, as_json: bool
) -> None:
    from dreamlit_pg.domain import check_domain

    checks = check_domain(domain, selectors=selectors, return_path=return_path, nameserver=nameserver)
    found = [asdict(check) for check in checks]
    if as_json:
        print_json(found)
    else:
        for check in found:
            _print_check({**check, "name": f"{check['record']} {check['name']}", "detail": check["found"]})
    if any(check["state"] == "critical" for check in found):
        sys.exit(1)


@click.command()
@as_json
@pass_client
def health(client: Client, *, as_json: bool) -> None:
    """The queues, the worker, the senders, and what piles up; exit status 1 if anything is critical."""
    checks = client.health()
    show_rows(checks, ("name", "state", "number", "seconds", "detail"), as_json=as_json)
    if any(check["state"] == "critical" for check in checks):
        sys.exit(1)


@click.command()
@as_json
@pass_client
def settings(client: Client, *, as_json: bool) -> None:
    """The settings with their values and meanings."""
    show_rows(client.settings(), ("name", "value", "meaning"), as_json=as_json)


@click.group()
def setting() -> None:
    """Change a setting."""


@setting.command(name="set")
@click.argument("name")
@click.argument("value")
@as_json
@pass_client
def set_setting(client: Client, name: str, value: str, *, as_json: bool) -> None:
    """Set NAME to VALUE: a number, or a text such as '30 days'."""
    try:
        parsed: Any = json.loads(value)
        json.dumps(parsed, allow_nan=False)
    except (ValueError, RecursionError):
        parsed = value
    show_result(name, client.set_setting(name, parsed), as_json=as_json)


ALL = (install, upgrade, uninstall, doctor, health, settings, setting)

"""person export and erase, suppress, unsuppress."""

from __future__ import annotations

import click

from dreamlit_cli.commands.common import as_json, pass_client, show_result, show_rows
from dreamlit_cli.output import print_json
from dreamlit_pg.client import Client


@click.group()
def person() -> None:
    """One person's data, by address."""


@person.command()
@click.argument("address")
@pass_client
def export(client: Client, *, address: str) -> None:
    """Everything that is kept about ADDRESS, as JSON."""
    print_json(client.export_person(address))


@person.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@pass_client
def erase(client: Client, *, address: str, yes: bool, as_json: bool) -> None:
    """Erase ADDRESS from payloads, items, bodies and errors; its open runs are cancelled."""
    if not yes:
        click.confirm(f"erase {address} for good?", abort=True, err=as_json)
    show_rows(client.erase_person(address), ("what", "erased"), as_json=as_json)


@click.command()
@click.argument("address")
@click.option("--reason", default="by hand", show_default=True)
@as_json
@pass_client
def suppress(client: Client, *, address: str, reason: str, as_json: bool) -> None:
    """Send no more mail to ADDRESS."""
    show_result("newly suppressed", client.suppress(address, reason=reason), as_json=as_json)


@click.command()
@click.argument("address")
@as_json
@pass_client
def unsuppress(client: Client, *, address: str, as_json: bool) -> None:
    """Let mail go to ADDRESS again."""
    show_result("was suppressed", client.unsuppress(address), as_json=as_json)


ALL = (person, suppress, unsuppress)

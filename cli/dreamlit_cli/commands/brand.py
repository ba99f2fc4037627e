"""brand show and set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dreamlit_cli.commands.common import as_json, pass_client
from dreamlit_cli.output import console, print_json
from dreamlit_pg.client import Client
from dreamlit_pg.definition import read_mapping


@click.group()
def brand() -> None:
    """What all templates know as brand."""


@brand.command()
@as_json
@pass_client
def show(client: Client, *, as_json: bool) -> None:
    """Every key; what nobody set has its default."""
    _show(client.brand(), as_json=as_json)


@brand.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@pass_client
def set_(client: Client, *, file: Path, as_json: bool) -> None:
    """Replace it by what the YAML FILE says."""
    _show(client.set_brand(read_mapping(file)), as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, shown in parts:
            name = f"{key}.{part}" if part else key
            console().print(f"{name:<20} {'-' if shown is None else shown}", markup=False, highlight=False)


ALL = (brand,)

"""What commands share: the database, and --json."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from dreamlit_cli.output import console, make_table, print_json
from dreamlit_pg.client import Client

Row = Mapping[str, Any]

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
limit = click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most."
)


def pass_client(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command a client of the database that the group was told."""

    @click.pass_obj
    def with_client(dsn: str, /, *args: Any, **options: Any) -> Any:
        return function(Client(dsn), *args, **options)

    return functools.update_wrapper(with_client, function)


def show_rows(
    rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, empty: str = "nothing to show"
) -> None:
    """A table of some columns for people, all columns as JSON for programs."""
    if as_json:
        print_json([dict(row) for row in rows])
    elif rows:
        console().print(make_table(rows, columns={name: name.replace("_", " ") for name in columns}))
    else:
        console().print(empty, style="dim")


def show_result(what: str, value: object, *, as_json: bool) -> None:
    """What a command changed: a line, or one JSON object."""
    if as_json:
        print_json({what: value})
    else:
        console().print(f"{what}: {value}", markup=False)

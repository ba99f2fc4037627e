"""`dreamlit`: commands parse and print; what they do is in the database and in dreamlit_pg."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import click
import psycopg

from dreamlit_cli import commands
from dreamlit_cli.demo.commands import demo, inbox
from dreamlit_cli.output import console
from dreamlit_pg.errors import DefinitionError, DreamlitError, from_database


class _Commands(click.Group):
    """Expected errors become lines with a hint and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except psycopg.Error as exc:
            _fail(from_database(exc))
        except DreamlitError as exc:
            _fail(exc)
        except UnicodeEncodeError:
            _fail(DreamlitError("an argument is not UTF-8", hint="write it in UTF-8, as the terminal does"))


def _fail(error: DreamlitError) -> None:
    screen = console(stderr=True)
    faults = error.faults if isinstance(error, DefinitionError) else ()
    message = error.message.splitlines()[0] if faults else error.message
    screen.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    for fault in faults:
        screen.print(f"  {fault.place}: {fault.fact}", markup=False, soft_wrap=True)
        if fault.hint:
            screen.print(f"      {fault.hint}", style="dim", markup=False, soft_wrap=True)
    if error.hint:
        screen.print(f"hint: {error.hint}", markup=False, soft_wrap=True)
    sys.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--dsn",
    envvar="DREAMLIT_DSN",
    default="",
    help="The database; else DREAMLIT_DSN, else libpq's PG… variables.",
)
@click.version_option(version("dreamlit-pg"), prog_name="dreamlit")
@click.pass_context
def cli(ctx: click.Context, dsn: str) -> None:
    """Notification workflows that live inside PostgreSQL."""
    ctx.obj = dsn


for command in (*commands.ALL, demo, inbox):
    cli.add_command(command)


def main() -> None:
    """The entry point."""
    cli()

"""templates, and a copy of one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from dreamlit_cli.commands.common import as_json
from dreamlit_cli.output import console, make_table, print_json
from dreamlit_pg.ready_made import copy_ready_made, ready_made


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def templates(ctx: click.Context, *, as_json: bool) -> None:
    """The ready-made email templates, and what each is for. None needs a database."""
    if ctx.invoked_subcommand is not None:
        return
    found = [asdict(template) for template in ready_made()]
    if as_json:
        print_json(found)
    else:
        console().print(make_table(found, columns={"name": "name", "purpose": "what for", "kind": "kind"}))


@templates.command()
@click.argument("name")
@click.argument("folder", default="templates", type=click.Path(path_type=Path))
@as_json
def copy(*, name: str, folder: Path, as_json: bool) -> None:
    """Copy the template NAME with its parts into FOLDER (templates), and show a workflow that uses it.

    A template that is there is not written over; parts that are there stay as they are.
    """
    written = copy_ready_made(name, folder)
    example = next(template.example for template in ready_made() if template.name == name)
    if as_json:
        print_json({"written": written, "example": example})
        return
    for file, new in written.items():
        console().print(f"{folder / file}{'' if new else ' stays as it is'}", markup=False, soft_wrap=True)
    click.echo(f"\nA workflow that uses it, beside the folder:\n\n{example}", nl=False)


ALL = (templates,)

"""`make bench`: runs the benches, prints a table, writes results/ and what README.md shows of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.benches import BENCHES
from benchmarks.extent import Extent
from benchmarks.place import describe_machine, fresh_place, open_cluster
from benchmarks.plot import draw
from benchmarks.report import RESULTS, table, write_json, write_readme
from dreamlit_pg.errors import DreamlitError


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--scale",
            default=1.0,
            show_default=True,
            help="Part of the usual size; below 1 no file is written.",
        ),
        click.option(
            "--full", is_flag=True, help="Also ten millions of rows, and ten minutes of an open snapshot."
        ),
        click.option("--seconds", type=float, help="How long idle, held-xmin and their like look on."),
        click.option("--rounds", default=3, show_default=True, help="Runs of everything; the medians count."),
        click.option("--list", "only_list", is_flag=True, help="Name the benches and end."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)))
@_options
def main(names: tuple[str, ...], *, only_list: bool, **options: Any) -> None:
    """Run the named benches, or all of them."""
    console = Console(width=None if Console().is_terminal else 140)
    if only_list:
        console.print("\n".join(BENCHES))
        return
    chosen = names or tuple(BENCHES)
    extent = Extent(**options)
    written: list[Path] = []
    with open_cluster() as cluster:
        machine = describe_machine(cluster)
        results = []
        for name in chosen:
            console.print(f"[bold]{name}[/] …")
            with fresh_place(cluster, name) as place:
                result = BENCHES[name](place, extent)
            results.append(result)
            # At once: a run of all takes long, and the next bench may fail.
            if extent.scale >= 1:
                written += [write_json(result, machine), draw(result, machine, RESULTS)]
    console.print(table(results))
    if extent.scale >= 1:
        written.append(write_readme(BENCHES))
    for path in written:
        console.print(f"written: {path}", highlight=False)


if __name__ == "__main__":
    try:
        main.main(standalone_mode=False)
    except DreamlitError as error:
        raise SystemExit(f"error: {error}") from error
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from error

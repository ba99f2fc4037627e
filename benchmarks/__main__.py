"""`make bench`: runs the benches, prints a table, writes results/*.json; a run of all writes README.md."""

from __future__ import annotations

from collections.abc import Callable

import click
from rich.console import Console

from benchmarks import capture_bulk, capture_single, engine, latency
from benchmarks.place import Place, describe_machine, fresh_place, open_cluster
from benchmarks.report import table, write_json, write_readme
from benchmarks.result import Result
from dreamlit_pg.errors import DreamlitError

BENCHES: dict[str, Callable[[Place, float], Result]] = {
    module.NAME: module.run for module in (capture_single, capture_bulk, engine, latency)
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)))
@click.option(
    "--scale", default=1.0, show_default=True, help="Part of the usual size; below 1 no file is written."
)
@click.option("--list", "only_list", is_flag=True, help="Name the benches and end.")
def main(names: tuple[str, ...], scale: float, only_list: bool) -> None:
    """Run the named benches, or all of them."""
    console = Console(width=None if Console().is_terminal else 140)
    if only_list:
        console.print("\n".join(BENCHES))
        return
    chosen = names or tuple(BENCHES)
    with open_cluster() as cluster:
        machine = describe_machine(cluster)
        results = []
        for name in chosen:
            console.print(f"[bold]{name}[/] …")
            with fresh_place(cluster, name) as place:
                results.append(BENCHES[name](place, scale))
    console.print(table(results))
    if scale >= 1:
        for result in results:
            write_json(result, machine)
        if set(chosen) == set(BENCHES):
            console.print(f"written: {write_readme(results, machine)}", highlight=False)


if __name__ == "__main__":
    try:
        main.main(standalone_mode=False)
    except DreamlitError as error:
        raise SystemExit(f"error: {error}") from error
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from error

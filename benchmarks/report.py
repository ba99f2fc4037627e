"""Results as a table on the terminal, as JSON, and as the measured part of README.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.result import TIMES, Figure, Result, number

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
BEGIN, END = "<!-- figures: written by make bench -->\n", "<!-- end of figures -->\n"


def table(results: Sequence[Result]) -> Table:
    """One row a figure."""
    shown = Table(title="against a bare baseline of the same run", title_justify="left")
    for heading in ("bench", "what", "figure", "bare", "ratio", "reach", ""):
        shown.add_column(heading, justify="right" if heading in {"figure", "bare", "ratio"} else "left")
    colours = {"met": "green", "not met": "red", "": "default"}
    for result in results:
        for row, cells in enumerate(map(_cells, result.figures)):
            *shown_cells, met = cells
            shown.add_row(result.bench if row == 0 else "", *shown_cells, f"[{colours[met]}]{met}[/]")
        shown.add_section()
    return shown


def write_json(result: Result, machine: dict[str, Any]) -> Path:
    """Write results/BENCH.json; returns its path."""
    path = RESULTS / f"{result.bench}.json"
    path.parent.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine} | result.as_json(), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")
    return path


def write_readme(names: Iterable[str]) -> Path:
    """Replace the measured part of README.md by what results/ holds of these benches; returns its path."""
    found = [
        json.loads(path.read_text("utf-8"))
        for path in (RESULTS / f"{name}.json" for name in names)
        if path.exists()
    ]
    path = FOLDER / "README.md"
    text = path.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{_markdown(found)}\n{END}{after}", "utf-8")
    return path


def _words(result: Result, machine: dict[str, Any]) -> str:
    notes = "".join(f" {note}." for note in result.notes)
    taken = f" Taken {machine['taken_at'][:10]}, load before the run {machine['load_before']:g}."
    return f"- **{result.bench}**: {result.about}.{notes}{taken}"


def _cells(figure: Figure) -> list[str]:
    """What, figure, bare, ratio, reach, met."""
    reach = " or ".join(reach.text(figure.unit) for reach in figure.reaches)
    return [
        figure.what,
        number(figure.value, figure.unit),
        "" if figure.baseline is None else number(figure.baseline, figure.unit),
        "" if figure.ratio is None else f"{figure.ratio:.{0 if figure.ratio >= 100 else 2}f}{TIMES}",
        reach,
        "" if figure.met is None else "met" if figure.met else "not met",
    ]


def _markdown(found: Sequence[dict[str, Any]]) -> str:
    results = [Result.from_json(data) for data in found]
    machine = max((data["machine"] for data in found), key=lambda machine: machine["taken_at"])
    settings = ", ".join(f"{name} {value}" for name, value in machine["settings"].items())
    where = (
        f"Taken on {machine['cores']} cores ({machine['processor']}),"
        f" {machine['memory_gb']:g} GB, {machine['system']}; PostgreSQL {machine['postgresql']},"
        f" Python {machine['python']}."
    )
    lines = [
        where,
        f"Settings: {settings}.",
        "",
        "| bench | what | figure | bare | ratio | reach | |",
        "|---|---|--:|--:|--:|---|---|",
    ]
    for result in results:
        lines += ["| " + " | ".join([result.bench, *_cells(figure)]) + " |" for figure in result.figures]
    lines += [
        "",
        *(_words(result, data["machine"]) for result, data in zip(results, found, strict=True)),
    ]
    lines += ["", *(f"![{result.bench}](results/{result.bench}.png)" for result in results)]
    return "\n".join(lines) + "\n"

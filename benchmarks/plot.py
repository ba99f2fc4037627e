"""Results as pictures: one PNG a bench, with the machine in its footer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from benchmarks.result import Curves, Figure, Result, number

mpl.use("Agg")
OURS, BARE, MET, MISSED = "#3b6fb6", "#b8bcc2", "#2e8b57", "#c0392b"


def draw(result: Result, machine: dict[str, Any], folder: Path) -> Path:
    """Write BENCH.png into the folder; returns its path."""
    units = list(dict.fromkeys(figure.unit for figure in result.figures))
    curves = [result.curves] if result.curves else []
    heights = [3.2] * len(curves) or [
        0.8 + 0.45 * sum(figure.unit == unit for figure in result.figures) for unit in units
    ]
    picture = Picture(figsize=(9, sum(heights) + 1.1), layout="constrained")
    axes = picture.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
    picture.suptitle(result.bench, fontweight="bold")
    if result.curves:
        _curves(axes[0], result.curves)
    else:
        for axis, unit in zip(axes, units, strict=True):
            _bars(axis, unit, [figure for figure in result.figures if figure.unit == unit])
    picture.supxlabel(footer(machine), fontsize=7, color="#666666")
    path = folder / f"{result.bench}.png"
    picture.savefig(path, dpi=110, metadata={"Software": None})
    return path


def footer(machine: dict[str, Any]) -> str:
    """Where and when the figures were taken."""
    return (
        f"{machine['taken_at'][:10]}, {machine['cores']} cores ({machine['processor']}),"
        f" {machine['memory_gb']:g} GB,"
        f" PostgreSQL {machine['postgresql']}, load before {machine['load_before']:g}"
    )


def _bars(axis: Axes, unit: str, figures: Sequence[Figure]) -> None:
    """A bar a figure, its baseline behind it, its reach as a line."""
    rows = range(len(figures))
    bare = [figure.baseline or 0 for figure in figures]
    if any(bare):
        axis.barh(rows, bare, height=0.75, color=BARE, label="bare")
    axis.barh(rows, [figure.value for figure in figures], height=0.4, color=OURS, label="measured")
    for row, figure in zip(rows, figures, strict=True):
        axis.annotate(
            number(figure.value, figure.unit),
            (figure.value, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
        for at in _limits(figure):
            axis.plot([at, at], [row - 0.4, row + 0.4], color=MET if figure.met else MISSED, linewidth=2)
    axis.set_yticks(list(rows), [figure.what for figure in figures], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel(unit.strip("/") if unit != "/s" else "a second", fontsize=8)
    axis.margins(x=0.12)
    if any(bare):
        axis.legend(fontsize=7, loc="lower right")


def _limits(figure: Figure) -> list[float]:
    """Where along the axis the reaches lie, those of a ratio seen from the baseline."""
    found = []
    for reach in figure.reaches:
        if reach.of == "value":
            found.append(reach.limit)
        elif figure.baseline and figure.ratio:
            divided = abs(figure.value / figure.baseline - figure.ratio) < 1e-6 * figure.ratio
            found.append(figure.baseline * reach.limit if divided else figure.baseline / reach.limit)
    return found


def _curves(axis: Axes, curves: Curves) -> None:
    for label, points in curves.lines.items():
        axis.plot([x for x, _ in points], [y for _, y in points], marker=".", markersize=3, label=label)
    if curves.log_x:
        axis.set_xscale("symlog", linthresh=1000)
    axis.set_xlabel(curves.x, fontsize=8)
    axis.set_ylabel(curves.y, fontsize=8)
    axis.set_ylim(bottom=0)
    axis.grid(visible=True, alpha=0.3)
    axis.legend(fontsize=7)

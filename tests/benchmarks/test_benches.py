"""Every bench runs from end to end and says what it measured; how much that is, no test judges."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from benchmarks.benches import BENCHES
from benchmarks.extent import Extent
from benchmarks.place import describe_machine, fresh_place
from benchmarks.plot import draw
from benchmarks.report import table
from benchmarks.result import Curves, Figure, Reach, Result

from dreamlit_pg.cluster import Cluster

TINY = Extent(scale=0.001, seconds=1, rounds=1)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_runs_and_measures_something(cluster: Cluster, name: str):
    with fresh_place(cluster, name) as place:
        result = BENCHES[name](place, TINY)
    assert result.bench == name
    assert result.figures
    assert all(math.isfinite(figure.value) for figure in result.figures)


def test_a_result_is_drawn_as_bars_or_as_curves(cluster: Cluster, tmp_path: Path):
    figures = [
        Figure(
            what="rate",
            value=10,
            unit="/s",
            baseline=5,
            ratio=2,
            reaches=[Reach(of="ratio", bound="at least", limit=1.5)],
        ),
        Figure(what="share", value=0, unit="%"),
    ]
    bars = Result(bench="bars", about="", figures=figures)
    lines = Result(
        bench="lines", about="", figures=figures, curves=Curves(x="x", y="y", lines={"a": [(0, 1), (10, 2)]})
    )
    machine = describe_machine(cluster)
    assert {draw(result, machine, tmp_path).read_bytes()[:8] for result in (bars, lines)} == {PNG}


def test_a_result_comes_back_from_its_json():
    figure = Figure(what="rate", value=10, unit="/s", reaches=[Reach(of="value", bound="at least", limit=9)])
    for curves in (None, Curves(x="x", y="y", lines={"a": [(0, 1)]})):
        result = Result(
            bench="x", about="y", figures=[figure], samples={"a": [1]}, curves=curves, notes=["z"]
        )
        assert Result.from_json(result.as_json()) == result


def test_the_table_says_what_was_reached():
    def figure(limit: float) -> Figure:
        return Figure(
            what="rate", value=10, unit="/s", reaches=[Reach(of="value", bound="at least", limit=limit)]
        )

    shown = table([Result(bench="x", about="", figures=[figure(9), figure(11)])])
    assert [*shown.columns[6].cells][:2] == ["[green]met[/]", "[red]not met[/]"]

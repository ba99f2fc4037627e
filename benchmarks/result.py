"""What a bench returns: figures, each with its baseline and its reach, and the samples behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Bound = Literal["at most", "at least"]
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a figure has to reach: its value, or its ratio to the baseline, against a limit."""

    of: Literal["value", "ratio"]
    bound: Bound
    limit: float

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Whether a figure reaches it; a figure without a baseline never reaches a ratio."""
        found = value if self.of == "value" else ratio
        if found is None:
            return False
        return found <= self.limit if self.bound == "at most" else found >= self.limit

    def text(self, unit: str) -> str:
        """Such as `at most 3 times`, in signs."""
        sign = "≤" if self.bound == "at most" else "≥"
        return f"{sign} {self.limit:g}{TIMES}" if self.of == "ratio" else f"{sign} {number(self.limit, unit)}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number, with its ratio to the run's own baseline. Of several reaches one is enough."""

    what: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    reaches: Sequence[Reach] = ()

    @property
    def met(self) -> bool | None:
        """Whether one of the reaches is met; None where there is none."""
        return any(reach.is_met(self.value, self.ratio) for reach in self.reaches) if self.reaches else None


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Lines to draw: what stands along the axes, and each line's points."""

    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    log_x: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """All figures of one bench, with every sample that they were made of.

    curves    what is drawn in place of bars
    notes     versions and sizes that a reader needs beside the figures
    """

    bench: str
    about: str
    figures: Sequence[Figure]
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    curves: Curves | None = None
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data, with what the properties say."""
        figures = [asdict(figure) | {"met": figure.met} for figure in self.figures]
        return {
            "bench": self.bench,
            "about": self.about,
            "figures": figures,
            "notes": list(self.notes),
            "samples": dict(self.samples),
            "curves": None if self.curves is None else asdict(self.curves),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """What `as_json` told."""
        figures = [
            Figure(
                **{key: entry[key] for key in ("what", "value", "unit", "baseline", "ratio")},
                reaches=[Reach(**reach) for reach in entry["reaches"]],
            )
            for entry in data["figures"]
        ]
        curves = data["curves"] and Curves(**data["curves"])
        more = {key: data[key] for key in ("bench", "about", "notes", "samples")}
        return cls(figures=figures, curves=curves, **more)


def number(value: float, unit: str) -> str:
    """A number as people read it: 11,800/s, 1.23 s, 46 ms."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    if unit == "":
        digits = 0
    text = f"{value:,.{digits}f}"
    return f"{text}{unit}" if unit.startswith("/") else f"{text} {unit}".strip()


def percentile(ordered: Sequence[float], percent: float) -> float:
    """A percentile of sorted samples: the smallest that so many percent do not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

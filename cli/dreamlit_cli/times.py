"""Times as people write them: `2 hours`, `30m`, `2026-11-21 14:00`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(
    r"(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)(?:\s+ago)?", re.IGNORECASE
)


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A time in the past: so long ago, or a date and time (of this machine's zone unless it names one)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, with its zone."""
        if isinstance(value, datetime):
            return value
        if span := _SPAN.fullmatch(value.strip()):
            try:
                return datetime.now(UTC) - timedelta(seconds=float(span[1]) * _UNITS[span[2][0].lower()])
            except OverflowError:
                self.fail(f"{value!r} is longer ago than there are dates", param, ctx)
        try:
            return datetime.fromisoformat(value.strip()).astimezone()
        except ValueError:
            self.fail(f"{value!r} is no time: write '2 hours', 30m or '2026-11-21 14:00'", param, ctx)


since = click.option("--since", type=Moment(), help="Started since: '2 hours', 30m or '2026-11-21 14:00'.")
until = click.option("--until", type=Moment(), help="Started before.")

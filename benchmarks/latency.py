"""From the commit of a row to the acceptance of its e-mail by an SMTP server, under a steady load."""

from __future__ import annotations

import statistics
import time

from benchmarks.extent import Extent
from benchmarks.live import await_accepted, sending, smtp_settings, working
from benchmarks.load import watch_orders
from benchmarks.place import Place
from benchmarks.result import Curves, Figure, Reach, Result, percentile
from benchmarks.sinks import open_sink

NAME = "latency"
ABOUT = (
    "one row a commit at an even pace, a worker session, one `dreamlit sender`, an SMTP sink in a process"
    " of its own; from the return of the commit to the server's 250; several runs of each rate, the median"
    " of their percentiles"
)
RATES = (1, 100, 500)
SECONDS = 20
WARM_EVENTS = 100
LIMITS = {50: 80, 99: 300}


def run(place: Place, extent: Extent) -> Result:
    """Measure p50, p99 and the slowest at each rate, in milliseconds."""
    watch_orders(place)
    samples: dict[str, list[float]] = {}
    lines: dict[str, list[tuple[float, float]]] = {}
    figures = []
    with open_sink("smtp") as sink, working(place), sending(place, smtp_settings(sink.port)) as sender:
        done = 0

        def measure(rate: int, count: int) -> list[float]:
            nonlocal done
            committed = write_evenly(place, first=done + 1, count=count, rate=rate)
            done += count
            accepted = await_accepted(sink, count, sender)
            return sorted((accepted[number] - at) * 1000 for number, at in committed.items())

        measure(50, WARM_EVENTS)
        for rate in RATES:
            runs = [measure(rate, max(5, round(rate * extent.time(SECONDS)))) for _ in range(extent.rounds)]
            for percent, limit in LIMITS.items():
                figures.append(
                    Figure(
                        what=f"p{percent} at {rate} events/s",
                        value=statistics.median(percentile(found, percent) for found in runs),
                        unit="ms",
                        reaches=[Reach(of="value", bound="at most", limit=limit)],
                    )
                )
            slowest = max(found[-1] for found in runs)
            figures.append(
                Figure(
                    what=f"slowest of {sum(map(len, runs)):,} at {rate} events/s", value=slowest, unit="ms"
                )
            )
            spread = [
                statistics.median(percentile(found, percent) for found in runs) for percent in range(1, 101)
            ]
            samples[f"{rate} events/s, p1 to p100"] = [round(value, 2) for value in spread]
            lines[f"{rate} events/s"] = list(enumerate(spread, start=1))
    curves = Curves(x="percentile", y="milliseconds", lines=lines)
    return Result(bench=NAME, about=ABOUT, figures=figures, samples=samples, curves=curves)


def write_evenly(place: Place, *, first: int, count: int, rate: float) -> dict[int, float]:
    """Insert rows at an even pace; returns when each commit came back."""
    committed = {}
    with place.connect() as connection:
        begun = time.perf_counter()
        for index in range(count):
            time.sleep(max(0.0, begun + index / rate - time.perf_counter()))
            number = first + index
            connection.execute(
                "insert into app.orders (name, email, amount) values ('Person', %s, 9.99)",
                [f"person{number}@example.com"],
            )
            committed[number] = time.perf_counter()
    return committed

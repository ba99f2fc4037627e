"""Whether one workflow's flood holds up another: 100,000 runs of one, then 100 of another."""

from __future__ import annotations

import statistics
import time

from benchmarks.extent import Extent
from benchmarks.live import working
from benchmarks.load import watch_orders
from benchmarks.place import Connection, Place
from benchmarks.result import Figure, Reach, Result, percentile
from benchmarks.watch import Arrivals, await_true, crowd_in_outbox
from benchmarks.workflows import COLUMNS, paid

NAME = "neighbour"
ABOUT = (
    "100,000 rows of one workflow, and as soon as they are committed 100 of another, each its own commit,"
    " ten milliseconds apart, one worker session; from the return of the second's commit until its message"
    " is seen in the log"
)
FLOOD = 100_000
OTHERS = 100


def run(place: Place, extent: Extent) -> Result:
    """Measure p50, p99 and the slowest of the second workflow."""
    flood = extent.of(FLOOD, least=1000)
    others = extent.of(OTHERS, least=10)
    watch_orders(place)
    with place.connect() as connection:
        connection.execute(f"create table app.flood ({COLUMNS})")
    definition = paid("app.flood")
    definition["steps"][0]["email"]["to"] = "flood@example.com"
    definition["steps"][0]["lane"] = "bulk"
    place.publish(definition)
    samples: dict[str, list[float]] = {}
    for number in range(extent.rounds):
        late = _round(place, flood, others)
        samples[f"round {number + 1}, milliseconds"] = [round(value, 2) for value in late]
        with place.connect(place.superuser_dsn) as connection:
            _empty(connection)
        place.settle()
    figures = []
    for percent in (50, 99, 100):
        value = statistics.median(percentile(late, percent) for late in samples.values())
        reaches = [Reach(of="value", bound="at most", limit=1000)] if percent == 99 else []
        name = "slowest" if percent == 100 else f"p{percent}"
        figures.append(
            Figure(what=f"{name} of {others} behind {flood:,}", value=value, unit="ms", reaches=reaches)
        )
    return Result(bench=NAME, about=ABOUT, figures=figures, samples=samples)


def _round(place: Place, flood: int, others: int) -> list[float]:
    """Milliseconds, sorted."""
    with Arrivals(place) as arrivals, place.connect(place.superuser_dsn) as writer:
        writer.execute(
            "insert into app.flood (name, email, amount)"
            f" select 'Flood', 'flood@example.com', i from generate_series(1, {flood}) as i"
        )
        with working(place):
            committed = {}
            for number in range(1, others + 1):
                writer.execute(
                    "insert into app.orders (name, email, amount) values ('Person', %s, 9.99)",
                    [f"person{number}@example.com"],
                )
                committed[number] = time.perf_counter()
                time.sleep(0.01)
            await_true(lambda: len(arrivals.seen) == others, "the second workflow's messages")
            await_true(lambda: crowd_in_outbox(writer) == flood, "the flood's messages")
    return sorted((arrivals.seen[number] - at) * 1000 for number, at in committed.items())


def _empty(connection: Connection) -> None:
    connection.execute(
        "truncate app.flood, app.orders, dreamlit._tasks, dreamlit._runs, dreamlit._messages,"
        " pgmq.q_dreamlit_email_urgent, pgmq.q_dreamlit_email_bulk"
    )

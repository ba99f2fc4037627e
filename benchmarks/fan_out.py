"""One event with a million recipients: rate, memory, and whether another workflow goes on meanwhile."""

from __future__ import annotations

import statistics
import time

from benchmarks.extent import Extent
from benchmarks.latency import write_evenly
from benchmarks.live import working
from benchmarks.load import empty_orders, watch_orders
from benchmarks.place import Place
from benchmarks.result import Bound, Figure, Reach, Result, percentile
from benchmarks.watch import Arrivals, Memory, await_true, crowd_in_outbox
from benchmarks.workflows import COLUMNS, TEMPLATE

NAME = "fan-out"
ABOUT = (
    "one row whose workflow reads all members by a query and writes an e-mail to each,"
    " two worker sessions, as an installation has;"
    " ten rows a second of another workflow meanwhile, from the return of their commit until their message"
    " is seen in the log"
)
RECIPIENTS = 1_000_000
RATE = 10


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round sends one announcement to everybody."""
    recipients = extent.of(RECIPIENTS, least=500)
    watch_orders(place)
    _watch_announcements(place, recipients)
    samples: dict[str, list[float]] = {}
    for _ in range(extent.rounds):
        for what, value in _round(place, recipients).items():
            samples.setdefault(what, []).append(value)
        with place.connect(place.superuser_dsn) as connection:
            connection.execute("truncate dreamlit._tasks, dreamlit._runs, dreamlit._task_history")
            empty_orders(connection)
        place.settle()
    found = {what: statistics.median(values) for what, values in samples.items()}

    def reach(limit: float, bound: Bound = "at most") -> list[Reach]:
        return [Reach(of="value", bound=bound, limit=limit)]

    figures = [
        Figure(
            what=f"{recipients:,} recipients to the outbox",
            value=found["rate"],
            unit="/s",
            reaches=reach(10_000, "at least"),
        ),
        Figure(what="a backend's own memory, at most", value=found["memory"], unit="MB", reaches=reach(300)),
        Figure(what="with the shared buffers it touched (VmHWM)", value=found["high water"], unit="MB"),
        Figure(what="another workflow meanwhile, p50", value=found["p50"], unit="ms"),
        Figure(what="another workflow meanwhile, p99", value=found["p99"], unit="ms", reaches=reach(1000)),
    ]
    return Result(bench=NAME, about=ABOUT, figures=figures, samples=samples)


def _round(place: Place, recipients: int) -> dict[str, float]:
    with (
        working(place) as first,
        working(place) as second,
        Arrivals(place) as arrivals,
        Memory(first) as one,
        Memory(second) as other,
        place.connect(place.superuser_dsn) as writer,
    ):
        committed = write_evenly(place, first=1, count=5, rate=RATE)
        await_true(lambda: len(arrivals.seen) >= len(committed), "the first orders' messages")
        committed.clear()
        arrivals.seen.clear()
        started = time.perf_counter()
        writer.execute("insert into app.announcements (name) values ('News')")
        while (came := crowd_in_outbox(writer)) < recipients:
            committed |= write_evenly(place, first=10 + len(committed), count=RATE // 2, rate=RATE)
            if time.perf_counter() > started + 1800:
                raise AssertionError(f"{came} of {recipients} messages came")
        seconds = time.perf_counter() - started
        await_true(lambda: len(arrivals.seen) >= len(committed), "the other workflow's messages")
        if came != recipients:
            raise AssertionError(f"{recipients} recipients became {came} messages")
        found = {
            "memory": max(one.most_mb, other.most_mb),
            "high water": max(one.high_water_mb, other.high_water_mb),
        }
    late = sorted((arrivals.seen[number] - at) * 1000 for number, at in committed.items())
    return found | {
        "rate": recipients / seconds,
        "p50": percentile(late, 50),
        "p99": percentile(late, 99),
    }


def _watch_announcements(place: Place, recipients: int) -> None:
    with place.connect() as connection:
        connection.execute(f"create table app.announcements ({COLUMNS})")
        connection.execute(f"create table app.members ({COLUMNS})")
        connection.execute(
            "insert into app.members (name, email, amount)"
            " select 'Member ' || i, 'member' || i || '@example.com', i % 1000 + 0.99"
            f" from generate_series(1, {recipients}) as i"
        )
    place.publish(
        {
            "workflow": "announce",
            "trigger": {"table": "app.announcements", "on": "insert"},
            "steps": [
                {"id": "member", "query": "select m.name, m.email, m.amount from app.members as m"},
                {
                    "id": "mail",
                    "email": {
                        "to": "{{ member.email }}",
                        "subject": "{{ trigger.name }}, {{ member.name }}",
                        "template": "announce.html",
                    },
                },
            ],
            "files": {"announce.html": TEMPLATE.replace("trigger.", "member.")},
        }
    )

"""From a table to the outbox, rendered and with all history, against a bare pgmq round trip and the peers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.extent import Extent
from benchmarks.load import STATEMENT, outbox_to_sink, table_to_outbox, table_to_sink, watch_orders
from benchmarks.peers.measure import Round, measurable, measure, missing
from benchmarks.peers.process import Kind
from benchmarks.place import Place
from benchmarks.result import Figure, Reach, Result

NAME = "engine"
ABOUT = (
    "rows of a watched table to the e-mail outbox: captured, run and task opened, three fields rendered,"
    " message logged and queued; beside it as many messages through one pgmq queue (send_batch, read,"
    " archive or delete), and the same notifications through each peer, from the first enqueue until all"
    " are handed to a null sink and the database says that none is open"
)
EVENTS = 20_000
WAYS: dict[str, Callable[[Place, int], float]] = {
    "table to outbox, one worker": table_to_outbox,
    "table to outbox, two workers": lambda place, events: table_to_outbox(place, events, workers=2),
    "table to outbox, one worker, rows inserted one by one": (
        lambda place, events: table_to_outbox(place, events, statement=1)
    ),
    "outbox to null sink, a sender alone": outbox_to_sink,
    "table to null sink, two workers and a sender": table_to_sink,
}
"""The clock starts at the first insert; single rows wait already by then."""
FLOOR = "bare pgmq round trip, archived"
ONE, TWO = "table to outbox, one worker", "table to outbox, two workers"
REACHES = {ONE: Reach(of="ratio", bound="at most", limit=3.5)}
AGAINST = {"graphile-worker": 1.5, "dbos": 20, "absurd": 20, "procrastinate": 20}
"""How many times a peer's rate two workers reach."""


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes the baselines, every way and every peer in turn, with warm workers."""
    events = extent.of(EVENTS, least=100)
    watch_orders(place)
    samples: dict[str, list[float]] = {}
    kinds = measurable()
    for _ in range(extent.rounds):
        for what, end in ((FLOOR, "archive"), ("bare pgmq round trip, deleted", "delete")):
            place.settle()
            samples.setdefault(what, []).append(events / _round_trip(place, events, end))
        for way, measure_way in WAYS.items():
            samples.setdefault(way, []).append(events / measure_way(place, events))
        for kind in kinds:
            done = measure(place, kind, events)
            samples.setdefault(_words(kind, done), []).append(done.rate)
    return Result(bench=NAME, about=ABOUT, figures=_figures(samples), samples=samples, notes=_notes(kinds))


def _words(kind: Kind, done: Round) -> str:
    return f"{kind.name} {kind.version}, {done.count:,} jobs"


def _notes(kinds: list[Kind]) -> list[str]:
    notes = [
        f"{kind.name} {kind.version}: {kind.processes} worker processes, keeps {kind.keeps}" for kind in kinds
    ]
    return notes + [f"not measured, as it is not installed here: {name}" for name in missing()]


def _figures(samples: dict[str, list[float]]) -> list[Figure]:
    rates = {what: statistics.median(found) for what, found in samples.items()}
    floor = rates[FLOOR]
    figures = []
    for what, rate in rates.items():
        if what in WAYS:
            reaches = [REACHES[what]] if what in REACHES else []
            figures.append(
                Figure(what=what, value=rate, unit="/s", baseline=floor, ratio=floor / rate, reaches=reaches)
            )
        else:
            figures.append(Figure(what=what, value=rate, unit="/s"))
    for what, rate in rates.items():
        peer = what.split(" ")[0]
        if peer in AGAINST:
            figures.append(
                Figure(
                    what=f"two workers against {peer}",
                    value=rates[TWO],
                    unit="/s",
                    baseline=rate,
                    ratio=rates[TWO] / rate,
                    reaches=[Reach(of="ratio", bound="at least", limit=AGAINST[peer])],
                )
            )
    return figures


def _round_trip(place: Place, events: int, end: str) -> float:
    """Seconds for one session to send, read and archive or delete as many, by pgmq's own functions."""
    with place.connect(place.superuser_dsn) as connection:
        connection.execute("select pgmq.create('bench')")
        place.settle()
        started = time.perf_counter()
        for first in range(1, events + 1, STATEMENT):
            connection.execute(
                "select count(*) from pgmq.send_batch('bench', array(select jsonb_build_object('trigger',"
                " jsonb_build_object('id', i, 'name', 'Person ' || i, 'amount', i %% 1000 + 0.99,"
                " 'email', 'person' || i || '@example.com')) from generate_series(%s::int, %s) as i))",
                [first, min(first + STATEMENT - 1, events)],
            )
        taken = 0
        while taken < events:
            row = connection.execute("select array_agg(msg_id) from pgmq.read('bench', 60, 1000)").fetchone()
            ids = row[0] if row else []
            connection.execute(f"select count(*) from pgmq.{end}('bench', %s::bigint[])", [ids])
            taken += len(ids)
        seconds = time.perf_counter() - started
        connection.execute("select pgmq.drop_queue('bench')")
    return seconds

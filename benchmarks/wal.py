"""What a notification writes: bytes of WAL and dead rows, stage by stage."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.extent import Extent
from benchmarks.load import NullSender, Workers, empty_orders, insert_orders, watch_orders
from benchmarks.place import Connection, Place
from benchmarks.result import Figure, Result
from benchmarks.workflows import COLUMNS, ROW

NAME = "wal"
ABOUT = (
    "20,000 notifications after a checkpoint into emptied tables: WAL and rows that died, by stage; beside"
    " it the same rows into a table without a trigger"
)
EVENTS = 20_000
DIED = (
    "select coalesce(sum(n_tup_upd + n_tup_del), 0) from pg_stat_user_tables"
    " where schemaname in ('dreamlit', 'pgmq')"
)


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes all stages."""
    events = extent.of(EVENTS, least=100)
    watch_orders(place)
    with place.connect() as connection:
        connection.execute(f"create table app.bare ({COLUMNS})")
    samples: dict[str, list[float]] = {}
    for _ in range(extent.rounds):
        for what, value in _round(place, events).items():
            samples.setdefault(what, []).append(value)
    found = {what: statistics.median(values) for what, values in samples.items()}
    stages = ("capture", "table to outbox", "claim and report")
    bare = found["bare insert"]
    total = sum(found[stage] for stage in stages)
    figures = [
        Figure(what="WAL a notification", value=total, unit="bytes", baseline=bare, ratio=total / bare),
        *(Figure(what=f"WAL, {stage}", value=found[stage], unit="bytes") for stage in stages),
        Figure(what="dead rows a notification", value=found["died"], unit="rows"),
        Figure(what="dead rows, table to outbox", value=found["died to outbox"], unit="rows"),
    ]
    return Result(bench=NAME, about=ABOUT, figures=figures, samples=samples)


def _round(place: Place, events: int) -> dict[str, float]:
    """By notification."""
    sender = NullSender(place)
    with (
        place.connect() as writer,
        place.connect(place.superuser_dsn) as watcher,
        Workers(place) as crew,
    ):
        watcher.execute("truncate app.bare")
        empty_orders(watcher)
        place.settle()
        sessions = [writer, *crew.sessions, sender.connection]
        died = _died(watcher, sessions)
        marks = [_position(watcher)]
        writer.execute(
            f"insert into app.bare (name, email, amount, note) select {ROW}"
            f" from generate_series(1, {events}) as i"
        )
        marks.append(_position(watcher))
        insert_orders(writer, events)
        marks.append(_position(watcher))
        crew.work()
        marks.append(_position(watcher))
        died_to_outbox = _died(watcher, sessions)
        while sender.sent < events:
            sender.send()
        marks.append(_position(watcher))
        died_at_all = _died(watcher, sessions)
        empty_orders(watcher)
    sender.close()
    names = ("bare insert", "capture", "table to outbox", "claim and report")
    by_stage = {
        name: (after - before) / events for name, before, after in zip(names, marks, marks[1:], strict=False)
    }
    return by_stage | {
        "died to outbox": (died_to_outbox - died) / events,
        "died": (died_at_all - died) / events,
    }


def _position(connection: Connection) -> float:
    row = connection.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    return float(row[0]) if row else 0.0


def _died(watcher: Connection, sessions: Sequence[Connection]) -> float:
    # By themselves sessions tell their counts ten seconds after they fell idle.
    for session in sessions:
        session.execute("select pg_stat_force_next_flush()")
    row = watcher.execute(DIED).fetchone()
    return float(row[0]) if row else 0.0

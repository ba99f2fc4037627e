"""What a worker and a sender cost that have nothing to do."""

from __future__ import annotations

import statistics
import time

from benchmarks.extent import Extent
from benchmarks.live import sending, smtp_settings, working
from benchmarks.load import watch_orders
from benchmarks.place import SENDER, Connection, Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.sinks import open_sink
from benchmarks.watch import await_true, cpu_seconds
from benchmarks.workflows import COLUMNS, paid

NAME = "idle"
ABOUT = (
    "ten published workflows and no event: CPU time of the two workers' backends, of the sender and of its"
    " backends over a minute, and the dead rows of the engine's tables before and after"
)
WORKFLOWS = 10
SECONDS = 60
SETTLING = 35
DEAD = (
    "select coalesce(sum(n_dead_tup), 0), coalesce(sum(n_tup_upd + n_tup_del), 0) from pg_stat_user_tables"
    " where schemaname in ('dreamlit', 'pgmq')"
)


def run(place: Place, extent: Extent) -> Result:
    """Measure after a while of idleness, when everybody naps for long."""
    watch_orders(place)
    with place.connect() as connection:
        for number in range(2, WORKFLOWS + 1):
            connection.execute(f"create table app.table_{number} ({COLUMNS})")
            place.publish(paid(f"app.table_{number}"))
    shares: dict[str, list[float]] = {}
    with place.connect(place.superuser_dsn) as watcher:
        dead, written = _dead(watcher)
        started = time.perf_counter()
        _look_on(place, watcher, shares, extent)
        minutes = (time.perf_counter() - started) / 60
        # A session's counts are told when its statement ends; a worker's lasts for 70 s, and is over by now.
        await_true(lambda: not _others(watcher), "the end of all sessions")
        dead, written = (
            after - before for before, after in zip((dead, written), _dead(watcher), strict=True)
        )
    total = [sum(shares[who][n] for who in shares) for n in range(extent.rounds)]
    limit = [Reach(of="value", bound="at most", limit=1)]
    figures = [
        Figure(what="workers and sender, of a core", value=statistics.median(total), unit="%", reaches=limit),
        *(Figure(what=who, value=statistics.median(found), unit="%") for who, found in shares.items()),
        Figure(what="rows updated or deleted in a minute", value=written / minutes, unit="rows"),
        Figure(
            what="more dead rows after all of it",
            value=dead,
            unit="rows",
        ),
    ]
    return Result(
        bench=NAME,
        about=ABOUT,
        figures=figures,
        samples=shares,
    )


def _look_on(place: Place, watcher: Connection, shares: dict[str, list[float]], extent: Extent) -> None:
    """Per cent of a core, once a round, into `shares`."""
    seconds = extent.time(SECONDS)
    with (
        open_sink("smtp") as sink,
        working(place) as first,
        working(place) as second,
        sending(place, smtp_settings(sink.port)) as sender,
    ):
        await_true(lambda: _backends(watcher), "the sender's sessions")
        time.sleep(SETTLING * min(1, extent.scale * 10))
        for _ in range(extent.rounds):
            pids = {
                "workers": [first, second],
                "sender": [sender.pid],
                "sender's backends": _backends(watcher),
            }
            before = {who: sum(map(cpu_seconds, found)) for who, found in pids.items()}
            time.sleep(seconds)
            for who, found in pids.items():
                spent = sum(map(cpu_seconds, found)) - before[who]
                shares.setdefault(who, []).append(100 * spent / seconds)


def _others(connection: Connection) -> int:
    """Client sessions beside the one that asks; nobody else comes to this database."""
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and backend_type = 'client backend' and pid <> pg_backend_pid()"
    ).fetchone()
    return int(row[0]) if row else 0


def _backends(connection: Connection) -> list[int]:
    return [
        row[0]
        for row in connection.execute(
            "select pid from pg_stat_activity where usename = %s and datname = current_database()", [SENDER]
        )
    ]


def _dead(connection: Connection) -> tuple[float, float]:
    row = connection.execute(DEAD).fetchone()
    return (float(row[0]), float(row[1])) if row else (0.0, 0.0)

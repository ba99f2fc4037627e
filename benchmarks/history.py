"""Whether what is past slows what comes: the engine after a million finished runs, and retention of a day."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg

from benchmarks.extent import Extent
from benchmarks.load import (
    NullSender,
    Workers,
    await_settled,
    empty_orders,
    insert_orders,
    table_to_outbox,
    watch_orders,
)
from benchmarks.place import Connection, Place, fresh_place
from benchmarks.result import Figure, Reach, Result
from benchmarks.seed import HISTORY, clone_rows, make_partition, reserve
from benchmarks.slope import levels, slope

NAME = "history"
ABOUT = (
    "the engine's 20,000 rows to the outbox by one worker, after as many finished runs, each with its task,"
    " message and attempt, in ten past days; a database for each number of them, in turns. Then a day as"
    " large as one of these falls to retention, while a reader asks for messages over and over"
)
EVENTS = 20_000
FINISHED = (0, 1_000_000)
FULL = 10_000_000
DAYS = 10
TOO_OLD = 120


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes every number in turn; then retention, with the most of them."""
    events = extent.of(EVENTS, least=100)
    counts = levels(extent, FINISHED, FULL)
    with ExitStack() as stack:
        places = {}
        for number, count in enumerate(counts):
            own = stack.enter_context(fresh_place(place.cluster, f"{NAME}-{number}"))
            watch_orders(own)
            today = datetime.now(UTC).date()
            finish(own, count, [today - timedelta(days=back) for back in range(2, 2 + DAYS)])
            own.settle()
            places[count] = own
        result = slope(
            NAME,
            ABOUT,
            extent,
            {count: lambda own=own: table_to_outbox(own, events) for count, own in places.items()},
            events=events,
            of="finished runs",
        )
        largest = places[max(counts)]
        # Only now: the worker's own chores would have dropped it before anybody looked.
        finish(largest, max(counts) // DAYS, [too_old()])
        dropped, waited = retain(largest)
    day = f"a day of {max(counts) // DAYS:,} runs"
    figures = [
        Figure(
            what=f"retention of {day}",
            value=dropped,
            unit="s",
            reaches=[Reach(of="value", bound="at most", limit=1)],
        ),
        Figure(
            what="longest wait of a reader meanwhile",
            value=waited * 1000,
            unit="ms",
            reaches=[Reach(of="value", bound="at most", limit=100)],
        ),
    ]
    return replace(result, figures=[*result.figures, *figures])


def finish(place: Place, count: int, days: Sequence[date]) -> None:
    """So many finished runs in these past days: clones of a real one."""
    if count == 0:
        return
    with (
        place.connect() as writer,
        place.connect(place.superuser_dsn) as connection,
        Workers(place) as crew,
    ):
        insert_orders(writer, 1)
        crew.work()
        sender = NullSender(place)
        while sender.sent == 0:
            sender.send()
        sender.close()
        await_settled(connection, 1)
        for day in days:
            _clone_day(connection, day, max(1, count // len(days)))
        empty_orders(connection)


def _clone_day(connection: Connection, day: date, count: int) -> None:
    for table in HISTORY:
        make_partition(connection, table, day)
    run_id = reserve(connection, "dreamlit._runs_run_id_seq", count)
    task_id = reserve(connection, "dreamlit._tasks_task_id_seq", count)
    message_id = reserve(connection, "dreamlit._message_id_seq", count)
    moment = f"timestamptz '{day} 00:00+00' + interval '86000 seconds' * (i::float8 / {count})"
    ids = {
        "run_id": f"{run_id} + i",
        "event_id": "nextval('dreamlit._event_id_seq')",
        "task_id": f"{task_id} + i",
        "message_id": f"{message_id} + i",
        "key": "null",
    }
    times = dict.fromkeys(
        ("occurred_at", "started_at", "finished_at", "created_at", "settled_at", "message_created_at"), moment
    )
    recently = {"_messages": "created_at"}
    for table in HISTORY:
        where = f"{recently.get(table, 'finished_at')} > now() - interval '1 hour'"
        clone_rows(connection, table, count, ids | times, where=where)


def retain(place: Place) -> tuple[float, float]:
    """Seconds to drop the day that is too old, and the longest that a reader of messages waited meanwhile."""
    stopping = threading.Event()
    waits = [0.0]
    with place.connect(place.superuser_dsn) as connection:
        if not _is_old_left(connection):
            raise AssertionError("there is no day that is too old")

    def read() -> None:
        with psycopg.connect(place.superuser_dsn, autocommit=True) as connection:
            while not stopping.is_set():
                started = time.perf_counter()
                connection.execute("select from dreamlit._messages where message_id = -1")
                connection.execute("select from dreamlit._run_history where run_id = -1")
                waits.append(time.perf_counter() - started)
                time.sleep(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with place.connect(place.superuser_dsn) as connection:
            time.sleep(0.1)
            waits[:] = [0.0]
            started = time.perf_counter()
            until = started + 60
            while _is_old_left(connection) and time.perf_counter() < until:
                connection.execute("select dreamlit._drop_old_partition()")
            seconds = time.perf_counter() - started
            if _is_old_left(connection):
                raise AssertionError("the day that is too old was not dropped")
    finally:
        stopping.set()
        reader.join()
    return seconds, max(waits)


def too_old() -> date:
    """A day that retention drops."""
    return datetime.now(UTC).date() - timedelta(days=TOO_OLD)


def _is_old_left(connection: Connection) -> bool:
    row = connection.execute(
        "select exists (select from pg_class where relkind = 'r' and relname like '%%\\_' || %s)",
        [f"{too_old():%Y%m%d}"],
    ).fetchone()
    return bool(row and row[0])

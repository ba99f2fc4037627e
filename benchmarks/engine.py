"""From a table to the outbox, every message rendered and all history kept, against a bare pgmq round trip."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import psycopg

from benchmarks.place import Connection, Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.workflows import COLUMNS, ROW, paid

NAME = "engine"
ABOUT = (
    "rows of a watched table to the e-mail outbox: captured, run and task opened, three fields rendered,"
    " message logged and queued; beside it as many messages through one pgmq queue: send_batch, read,"
    " archive or delete"
)
EVENTS = 20_000
STATEMENT = 1000
ROUNDS = 3
REACHES = (Reach(of="value", bound="at least", limit=10_000), Reach(of="ratio", bound="at most", limit=5))
WAYS = {
    "one worker": (1, STATEMENT),
    "two workers": (2, STATEMENT),
    "one worker, rows inserted one by one": (1, 1),
}
"""Workers, and rows a statement. The clock starts at the first insert; single rows wait already by then."""


def run(place: Place, scale: float = 1) -> Result:
    """Measure; each round takes the baseline and every way in turn, with workers that are warm."""
    events = max(STATEMENT, round(EVENTS * scale))
    with place.connect() as connection:
        connection.execute(f"create table app.orders ({COLUMNS})")
    place.publish(paid("app.orders"))
    samples: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for end in ("archive", "delete"):
            place.settle()
            samples.setdefault(f"pgmq, {end}", []).append(_round_trip(place, events, end))
        for way, (workers, statement) in WAYS.items():
            samples.setdefault(way, []).append(_table_to_outbox(place, events, workers, statement))
    return Result(bench=NAME, about=ABOUT, figures=_figures(samples, events), samples=samples)


def _figures(samples: dict[str, list[float]], events: int) -> list[Figure]:
    rates = {way: events / statistics.median(seconds) for way, seconds in samples.items()}
    bare = rates["pgmq, archive"]
    figures = [
        Figure(what="bare pgmq round trip, archived", value=bare, unit="/s"),
        Figure(what="bare pgmq round trip, deleted", value=rates["pgmq, delete"], unit="/s"),
    ]
    for way in WAYS:
        reaches = REACHES if way == "one worker" else ()
        figures.append(
            Figure(
                what=f"table to outbox, {way}",
                value=rates[way],
                unit="/s",
                baseline=bare,
                ratio=bare / rates[way],
                reaches=reaches,
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
                [first, first + STATEMENT - 1],
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


def _table_to_outbox(place: Place, events: int, workers: int, statement: int) -> float:
    """Seconds until every event has its message in the outbox."""
    with place.connect() as connection, place.connect(place.superuser_dsn) as watcher:
        with _Workers(place, workers) as crew:
            _insert(connection, 10 * workers, 1)
            crew.work()
            _empty(watcher)
            place.settle()
            started = time.perf_counter()
            _insert(connection, events, statement)
            if statement == 1:
                watcher.execute("checkpoint")
                started = time.perf_counter()
            crew.work()
            seconds = time.perf_counter() - started
        _check(watcher, events)
        _empty(watcher)
    return seconds


def _insert(connection: Connection, rows: int, statement: int) -> None:
    """Rows in statements of so many, each with its own commit; single rows by one call with one commit."""
    values = f"insert into app.orders (name, email, amount, note) select {ROW}"
    if statement == 1:
        connection.execute(f"do $$ begin for i in 1 .. {rows} loop {values}; end loop; end $$")
        return
    for first in range(1, rows + 1, statement):
        connection.execute(f"{values} from generate_series({first}, {first + statement - 1}) as i")


def _empty(connection: Connection) -> None:
    connection.execute(
        "truncate app.orders, pgmq.q_dreamlit_events, pgmq.q_dreamlit_email_bulk,"
        " pgmq.q_dreamlit_email_urgent, dreamlit._messages, dreamlit._runs,"
        " dreamlit._run_history, dreamlit._tasks, dreamlit._task_history"
    )


def _check(connection: Connection, events: int) -> None:
    """Nothing lost, nothing twice: else the seconds say nothing."""
    row = connection.execute(
        "select (select count(*) from pgmq.q_dreamlit_email_bulk)"
        " + (select count(*) from pgmq.q_dreamlit_email_urgent),"
        " (select count(*) from dreamlit._messages), (select count(distinct run_id) from dreamlit._messages)"
    ).fetchone()
    if row != (events, events, events):
        raise AssertionError(f"{events} events became {row} queued messages, logged messages and runs")


class _Workers:
    """Sessions that work when told to, each until the events and the due tasks are gone."""

    def __init__(self, place: Place, count: int) -> None:
        self._place = place
        self._stack: list[Connection] = []
        self._count = count

    def __enter__(self) -> _Workers:
        dsn = self._place.superuser_dsn
        self._stack = [psycopg.connect(dsn, autocommit=True) for _ in range(self._count)]
        for connection in self._stack:
            connection.execute("select dreamlit._run_python('render_batch', '[\"email\", {}, {}, []]')")
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._stack:
            connection.close()

    def work(self) -> None:
        """Return when all is in the outbox. Raises what a worker raised."""
        errors: list[Exception] = []
        threads = [threading.Thread(target=_guarded(_drain, errors), args=[c]) for c in self._stack]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


def _drain(connection: Connection) -> None:
    while True:
        connection.execute("call dreamlit.work(0)")
        row = connection.execute(
            "select exists (select from pgmq.q_dreamlit_events)"
            " or exists (select from dreamlit._tasks where due_at is not null)"
        ).fetchone()
        if row is None or not row[0]:
            return


def _guarded(work: Callable[[Connection], None], errors: list[Exception]) -> Callable[[Connection], None]:
    def guarded(connection: Connection) -> None:
        try:
            work(connection)
        except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
            errors.append(error)

    return guarded

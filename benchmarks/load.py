"""Rows in, workers that drain them, a look that nothing was lost: what most benches of the engine share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.place import SENDER, Connection, Place
from benchmarks.workflows import COLUMNS, ROW, paid

STATEMENT = 1000
"""Rows a statement."""

PATIENCE = 600
OUTBOX = (
    "((select count(*) from pgmq.q_dreamlit_email_bulk)"
    " + (select count(*) from pgmq.q_dreamlit_email_urgent))"
)


def watch_orders(place: Place) -> None:
    """The table app.orders, with one e-mail for each of its rows."""
    with place.connect() as connection:
        connection.execute(f"create table app.orders ({COLUMNS})")
    place.publish(paid("app.orders"))


def insert_orders(connection: Connection, rows: int, *, statement: int = STATEMENT) -> None:
    """Rows in statements of so many, each with its own commit; single rows by one call with one commit."""
    values = f"insert into app.orders (name, email, amount, note) select {ROW}"
    if statement == 1:
        connection.execute(f"do $$ begin for i in 1 .. {rows} loop {values}; end loop; end $$")
        return
    for first in range(1, rows + 1, statement):
        last = min(first + statement - 1, rows)
        connection.execute(f"{values} from generate_series({first}, {last}) as i")


def table_to_outbox(place: Place, events: int, *, workers: int = 1, statement: int = STATEMENT) -> float:
    """Seconds until every row has its message in the outbox; with single rows those of the workers alone.

    The outbox and what belongs to the orders are empty again afterwards; what else is in the tables stays.
    """
    with (
        place.connect() as connection,
        place.connect(place.superuser_dsn) as watcher,
        Workers(place, workers) as crew,
    ):
        insert_orders(connection, 10 * workers, statement=1)
        crew.work()
        empty_orders(watcher)
        place.settle()
        started = time.perf_counter()
        insert_orders(connection, events, statement=statement)
        if statement == 1:
            watcher.execute("checkpoint")
            started = time.perf_counter()
        crew.work()
        seconds = time.perf_counter() - started
        check_outbox(watcher, events)
        empty_orders(watcher)
    return seconds


def check_outbox(connection: Connection, events: int) -> None:
    """Nothing lost, nothing twice: else the seconds say nothing."""
    row = connection.execute(
        f"select {OUTBOX}, count(*), count(distinct m.run_id) from dreamlit._messages as m"
        " where m.state = 'queued'"
    ).fetchone()
    if row != (events, events, events):
        raise AssertionError(f"{events} events became {row} queued messages, logged messages and runs")


ORDERS = "(select w.workflow_id from dreamlit._workflows as w where w.name = 'on_orders')"
OWN = {
    "_tasks": (
        "step_id in (select s.step_id from dreamlit._steps as s"
        " join dreamlit._versions as v using (version_id)"
        f" where v.workflow_id = {ORDERS}) and started_at > now() - interval '1 hour'"
    ),
    "_runs": f"workflow_id = {ORDERS} and started_at > now() - interval '1 hour'",
    "_messages": "created_at > now() - interval '1 hour'",
    "_attempts": "finished_at > now() - interval '1 hour'",
    "_run_history": "finished_at > now() - interval '1 hour'",
    "_task_history": "finished_at > now() - interval '1 hour'",
}
"""What a round leaves behind: what other benches seed lies days back, or belongs to another workflow."""


def empty_orders(connection: Connection) -> None:
    """Take away the orders and all that came of them; a table with more than that in it is not truncated."""
    connection.execute(
        "truncate app.orders, pgmq.q_dreamlit_events,"
        " pgmq.q_dreamlit_email_bulk, pgmq.q_dreamlit_email_urgent"
    )
    for table, own in OWN.items():
        row = connection.execute(
            f"select exists (select from dreamlit.{table} where ({own}) is not true)"
        ).fetchone()
        if row and row[0]:
            connection.execute(f"delete from dreamlit.{table} where {own}")
        else:
            connection.execute(f"truncate dreamlit.{table}")


class Workers:
    """Sessions that work when told to, each until no event and no task is due. Warm once entered."""

    def __init__(self, place: Place, count: int = 1) -> None:
        self._place = place
        self._count = count
        self.sessions: Sequence[Connection] = ()

    def __enter__(self) -> Workers:
        dsn = self._place.superuser_dsn
        self.sessions = [psycopg.connect(dsn, autocommit=True) for _ in range(self._count)]
        for connection in self.sessions:
            connection.execute("select dreamlit._run_python('render_batch', '[\"email\", {}, {}, []]')")
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.sessions:
            connection.close()

    def work(self) -> None:
        """Return when all is in the outbox. Raises what a worker raised."""
        at_once([lambda c=connection: _drain(c) for connection in self.sessions])


def _drain(connection: Connection) -> None:
    while True:
        connection.execute("call dreamlit.work(0)")
        # By step, as the index has it: among a million tasks that wait, any other way is slow.
        row = connection.execute(
            "select exists (select from pgmq.q_dreamlit_events)"
            " or exists (select from dreamlit._steps as s"
            " cross join lateral (select from dreamlit._tasks as t"
            " where t.step_id = s.step_id and t.due_at <= now() limit 1) as due)"
        ).fetchone()
        if row is None or not row[0]:
            return


def at_once(jobs: Sequence[Callable[[], object]]) -> None:
    """Do several things in threads; returns when all have ended. Raises the first error of any."""
    errors: list[Exception] = []

    def guarded(job: Callable[[], object]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class NullSender:
    """A sender without a transport: claims, reports the start, drops, reports sent."""

    def __init__(self, place: Place, name: str = "null") -> None:
        self.connection = psycopg.connect(place.dsn(SENDER), autocommit=True)
        self._name = name
        self.sent = 0

    def close(self) -> None:
        """End its session."""
        self.connection.close()

    def send(self) -> int:
        """One batch; returns how many messages it was."""
        claimed = self.connection.execute(
            "select message_id, attempt, content from dreamlit.claim('email', %s, 1000)", [self._name]
        ).fetchall()
        if claimed:
            started = self._report("started", claimed)
            self.sent += len(started)
            self._report("sent", started)
        return len(claimed)

    def _report(self, outcome: str, messages: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        told = [{"message_id": row[0], "attempt": row[1], "outcome": outcome} for row in messages]
        states = self.connection.execute(
            "select message_id, state from dreamlit.report(%s, %s)", [self._name, Jsonb(told)]
        ).fetchall()
        going = {row[0] for row in states if row[1] in {"sending", "sent"}}
        return [row for row in messages if row[0] in going]


def table_to_sink(place: Place, events: int, *, workers: int = 2) -> float:
    """Seconds until every row's message is claimed, reported as started, dropped and reported as sent."""
    sender = NullSender(place)
    try:
        with (
            place.connect() as connection,
            place.connect(place.superuser_dsn) as watcher,
            Workers(place, workers) as crew,
        ):
            insert_orders(connection, 10 * workers, statement=1)
            crew.work()
            _send_all(sender, 10 * workers)
            empty_orders(watcher)
            place.settle()
            sender.sent = 0
            started = time.perf_counter()
            insert_orders(connection, events)
            at_once([crew.work, lambda: _send_all(sender, events)])
            seconds = time.perf_counter() - started
            row = watcher.execute(
                "select (select count(*) from dreamlit._messages where state = 'sent'),"
                " (select count(*) from dreamlit._run_history where state = 'done')"
            ).fetchone()
            if row != (events, events):
                raise AssertionError(f"{events} events became {row} sent messages and finished runs")
            empty_orders(watcher)
    finally:
        sender.close()
    return seconds


def outbox_to_sink(place: Place, events: int) -> float:
    """Seconds for one sender to take what waits in the outbox: claimed, reported as started, as sent."""
    sender = NullSender(place)
    try:
        with (
            place.connect() as connection,
            place.connect(place.superuser_dsn) as watcher,
            Workers(place) as crew,
        ):
            insert_orders(connection, events)
            crew.work()
            place.settle()
            started = time.perf_counter()
            _send_all(sender, events)
            seconds = time.perf_counter() - started
            await_settled(watcher, events)
            empty_orders(watcher)
    finally:
        sender.close()
    return seconds


def _send_all(sender: NullSender, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while sender.sent < count:
        if not sender.send():
            if time.monotonic() > until:
                raise AssertionError(f"{sender.sent} of {count} messages came to the sender")
            time.sleep(0.005)


def await_settled(connection: Connection, count: int) -> None:
    """Return once so many messages are reported as sent, and no outbox has any left."""
    until = time.monotonic() + PATIENCE
    while True:
        row = connection.execute(
            f"select {OUTBOX}, (select count(*) from dreamlit._messages where state = 'sent'"
            " and created_at > now() - interval '1 hour')"
        ).fetchone()
        if row == (0, count):
            return
        if time.monotonic() > until:
            raise AssertionError(f"of {count} messages, queued and sent are {row}")
        time.sleep(0.05)

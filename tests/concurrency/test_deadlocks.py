"""Everybody at once: nobody waits in a circle, no application's transaction is harmed, and the books balance after.

The long form, minutes instead of seconds: DREAMLIT_FAULTS=long.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, column, email, publish, rows, shift_clock, slack, value, work
from tests.outbox.conftest import Sender
from tests.properties.invariants import HELD, broken, unfinished

from dreamlit_pg.cluster import Cluster
from dreamlit_pg.rendering import references, render_batch

Connect = Callable[..., Connection]
Deed = Callable[[Connection, random.Random], object]

SECONDS = 180 if os.environ.get("DREAMLIT_FAULTS") == "long" else 12
TABLES = ("people", "orders", "visits")
HOT_TABLES = (
    "dreamlit._runs",
    "dreamlit._tasks",
    "dreamlit._messages",
    "dreamlit._attempts",
    "dreamlit._run_history",
    "dreamlit._task_history",
    HELD,
    "dreamlit._channels",
    "dreamlit._senders",
    "dreamlit._workers",
    "pgmq.q_dreamlit_events",
    "pgmq.q_dreamlit_email_urgent",
    "pgmq.q_dreamlit_email_bulk",
    "pgmq.q_dreamlit_slack_urgent",
    "pgmq.q_dreamlit_render",
)
DELIBERATE = {"22012", None}
"""What a task of these workflows may fail with: its division by zero, or a delivery's fault (no SQLSTATE)."""


def _definition(name: str, table: str, *, subject: str, key: bool = False) -> dict[str, Any]:
    """Parallel branches that meet in the same runs, tasks of several messages, fan-outs, tasks that fail."""
    tell = email("tell", to="{{ trigger.email }}, second@example.com", after="trigger", when_uncertain="hold")
    tell["email"] = {"to": tell["email"]["to"], "subject": subject, "text": "Hi"}  # type: ignore[index]
    chat = slack(when_uncertain="retry")
    chat["slack"] = {"channel": "#all", "text": subject}
    return {
        "workflow": name,
        "trigger": {
            "table": f"public.{table}",
            "on": ["insert", "update"],
            **({"key": "new.grp"} if key else {}),
        },
        "steps": [
            tell,
            chat,
            {"id": "even", "after": "trigger", "if": "trigger.n % 2 = 0"},
            {"id": "rest", "after": "trigger", "if": "trigger.n % 3 > 0"},
            {"id": "each", "after": "rest", "query": "select g.n from generate_series(1, 2) as g(n)"},
            {**chat, "id": "more", "after": "each"},
            # Reads the watched table itself.
            {
                "id": "same",
                "after": "trigger",
                "if": "trigger.n % 4 > 0",
                "query": f"select w.n from public.{table} as w where w.id = trigger.id",
            },
            {"id": "bad", "after": "trigger", "if": "1 / (trigger.n % 5) >= 0", "attempts": 1},
        ],
    }


def _publish(connection: Connection, definition: dict[str, Any]) -> None:
    read = {
        f"steps[{n}].{kind}": references(step[kind], {})
        for n, step in enumerate(definition["steps"])
        for kind in ("email", "slack")
        if kind in step
    }
    publish(connection, {**definition, "references": read})


def _one_of(connection: Connection, dice: random.Random, query: str) -> Any:
    found = column(connection, query)
    return dice.choice(found) if found else None


# What each of them does, once -----------------------------------------------------------------------


def _write(app: Connection, dice: random.Random) -> int:
    """A transaction of several statements on several tables in any order, as applications write; returns its rows."""
    changes = 0
    with app.transaction(force_rollback=dice.random() < 0.2) as transaction:
        for _ in range(dice.randint(1, 4)):
            table, count = dice.choice(TABLES), dice.choice([1, 1, 2, 6])
            app.execute(
                f"insert into public.{table} (n, grp, email) select {dice.randint(0, 30)} + g, (g % 7)::text,"
                f" '{'visitor' if table == 'visits' else 'user'}' || g || '@example.com' from generate_series(1, {count}) as g".encode()
            )
            changes += count if table == "visits" else 0
            if dice.random() < 0.3:
                app.execute("select pg_sleep(0.01)")
    return 0 if transaction.force_rollback else changes


def _labour(admin: Connection, dice: random.Random) -> None:
    admin.execute("call dreamlit.work(1)")


def _tick(sender: Connection, dice: random.Random) -> None:
    sender.execute("select dreamlit.tick(%s)", [f"ticker {sender.info.backend_pid}"])


def _serve(connection: Connection, dice: random.Random) -> None:
    """Claim from several channels, begin what may begin, and answer it all in one report, in any order."""
    sender = Sender(connection, f"sender {dice.randint(1, 2)}")
    claimed = [
        row for channel in ("email", "slack") for row in sender.claim(dice.randint(1, 15), channel=channel)
    ]
    dice.shuffle(claimed)
    answers = sender.report_all(claimed, "started") if claimed else []
    going = {row["message_id"] for row in answers if row["state"] == "sending"}
    outcomes = [
        {"outcome": "sent"},
        {"outcome": "sent"},
        {"outcome": "failed", "fault": "recipient"},
        {"outcome": "failed", "fault": "transient"},
        {"outcome": "failed", "fault": "unknown"},
        {"outcome": "failed", "fault": "configuration"} if dice.random() < 0.02 else {"outcome": "sent"},
    ]
    results = [
        {"message_id": row["message_id"], "attempt": row["attempt"], **dice.choice(outcomes)}
        for row in claimed
        if row["message_id"] in going and dice.random() < 0.95
    ]
    connection.execute("select dreamlit.report(%s, %s)", [sender.name, Jsonb(results)])


def _render(connection: Connection, dice: random.Random, quantity: int = 20) -> bool:
    """Render what waits, and report the whole batch at once, in any order; says whether there was anything."""
    sender = Sender(connection, "renderer")
    given: dict[int, Any] = {}
    results = []
    for row in sender.claim(quantity, channel="render"):
        content = row["content"]
        given[content["step_id"]] = row["templates"] or given[content["step_id"]]
        templates = given[content["step_id"]]
        (rendered,) = render_batch(
            content["channel"], templates["templates"], templates["files"], [content["context"]]
        )
        assert "content" in rendered, (rendered, content["context"])
        outcome = {"outcome": "rendered", "content": rendered["content"]}
        if dice.random() < 0.2:
            outcome = {"outcome": "failed", "fault": "recipient", "error": "so it was to be"}
        results.append({"message_id": row["message_id"], "attempt": row["attempt"], **outcome})
    dice.shuffle(results)
    connection.execute("select dreamlit.report('renderer', %s)", [Jsonb(results)])
    return bool(results)


def _operate(admin: Connection, dice: random.Random) -> None:
    """One intervention; what the engine refuses is no fault of anybody."""
    name = dice.choice(["one", "two"])
    run = _one_of(admin, dice, "select run_id from dreamlit.runs order by run_id desc limit 200")
    held = _one_of(
        admin, dice, "select message_id from dreamlit.messages where state in ('uncertain', 'held') limit 50"
    )
    query, parameters = dice.choice(
        [
            ("select dreamlit.pause(%s)", [name]),
            ("select dreamlit.resume(%s)", [name]),
            ("select dreamlit.resume(%s)", [name]),
            ("select dreamlit.cancel_run(%s)", [run]),
            ("select dreamlit.cancel_run(%s)", [run]),
            ("select dreamlit.retry_run(%s)", [run]),
            ("select dreamlit.retry_failed(%s)", [name]),
            ("select dreamlit.rerun(%s)", [run]),
            ("select dreamlit.release(%s)", [held]),
            ("select dreamlit.discard(%s)", [held]),
            ("select * from dreamlit.cancel_runs(%s, now() - interval '200 milliseconds')", [name]),
            ("select dreamlit.release_messages(%s)", [name]),
            ("select dreamlit.discard_messages(%s)", [name]),
            ("select dreamlit.set_sandbox(%s, true)", [name]),
            ("select dreamlit.set_sandbox(%s, false)", [name]),
            ("select * from dreamlit.erase_person(%s)", [f"user{dice.randint(1, 6)}@example.com"]),
        ]
    )
    _tolerate(lambda: admin.execute(query.encode(), parameters))


def _define(admin: Connection, dice: random.Random) -> None:
    """New versions, on another table as often as on the same; now and then one goes with all its runs."""
    name = dice.choice(["one", "two"])
    if dice.random() < 0.2:
        _tolerate(lambda: admin.execute("select dreamlit.unpublish(%s, %s)", [name, dice.random() < 0.5]))
    subject = f"number {dice.randint(1, 1000)}"
    _tolerate(
        lambda: _publish(
            admin, _definition(name, dice.choice(TABLES[:2]), subject=subject, key=name == "two")
        )
    )
    _tolerate(lambda: _publish(admin, _definition("ledger", "visits", subject=subject)))


def _retain(superuser: Connection, dice: random.Random) -> None:
    """Days beyond the time they are kept, and the chores that drop them."""
    day = dice.randint(1000, 1900)
    table = value(
        superuser, "select table_name from dreamlit._partitioned_tables() order by random() limit 1"
    )
    with superuser.transaction():
        superuser.execute("set local role dreamlit_owner")
        name = value(superuser, "select %s || to_char(current_date - %s, '_YYYYMMDD')", table, day)
        if value(superuser, "select to_regclass('dreamlit.' || %s) is null", name):
            superuser.execute(f"create table dreamlit.{name} (like dreamlit.{table} including all)".encode())
            superuser.execute(
                f"alter table dreamlit.{table} attach partition dreamlit.{name} for values from"
                f" ((current_date - {day})::timestamptz) to ((current_date - {day} + 1)::timestamptz)".encode()
            )
    superuser.execute("update dreamlit._chores set due_at = '-infinity'")
    superuser.execute("select dreamlit._housekeep()")


def _vacuum(superuser: Connection, dice: random.Random) -> None:
    table = dice.choice(HOT_TABLES)
    superuser.execute(f"{dice.choice(['vacuum full', 'vacuum analyze', 'analyze'])} {table}".encode())


def _tolerate(deed: Callable[[], object]) -> None:
    try:
        deed()
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith("DL"):
            raise


# All of them together -------------------------------------------------------------------------------


class Crowd:
    """Sessions that do one thing over and over until they are told to stop."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.stop = threading.Event()
        self.pool = ThreadPoolExecutor(32)
        self.jobs: list[Future[int]] = []

    def add(self, role: str, deed: Deed, *, seed: int, pause: float = 0.0) -> None:
        """Let one more session join."""
        connection = self.connect(role)

        def repeat() -> int:
            dice, changes = random.Random(seed), 0
            while not self.stop.wait(pause):
                done = deed(connection, dice)
                changes += int(done) if deed is _write else 0  # type: ignore[call-overload]
            return changes

        self.jobs.append(self.pool.submit(repeat))

    def run(self, seconds: float) -> int:
        """Let them all go on for so long, or until one of them fails, whose error is raised."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not any(job.done() for job in self.jobs):
            time.sleep(0.05)
        self.stop.set()
        return sum(job.result(timeout=120) for job in self.jobs)


@pytest.fixture
def crowd(connect: Connect) -> Iterator[Crowd]:
    """An application with three tables, three workflows, and nobody at work yet."""
    admin, superuser = connect("admin"), connect("superuser")
    for table in TABLES:
        admin.execute(
            f"create table public.{table} (id bigint generated always as identity primary key,"
            " n integer, grp text, email text)".encode()
        )
    superuser.execute("select dreamlit.set_setting('batch', '40')")
    superuser.execute("""select dreamlit.set_setting('lease', '"2 seconds"')""")
    superuser.execute("""select dreamlit.set_setting('slack_pace', '"0 seconds"')""")
    _publish(admin, _definition("one", "people", subject="first"))
    _publish(admin, _definition("two", "orders", subject="first", key=True))
    _publish(admin, _definition("ledger", "visits", subject="first"))
    crowd = Crowd(connect)
    yield crowd
    crowd.stop.set()
    crowd.pool.shutdown()


def _finish(superuser: Connection, connect: Connect) -> None:
    """Resume and release all, answer every claim with success, let the days go by until nothing is left."""
    sender = Sender(connect("sender"), "last")
    superuser.execute("select dreamlit.resume(name) from dreamlit._workflows where state = 'paused'")
    superuser.execute("update dreamlit._workflows set sandbox = false")
    superuser.execute("select dreamlit.set_setting('batch', '1000')")
    for days in range(30):
        shift_clock(superuser, f"{days} days")
        superuser.execute("select dreamlit._ensure_partitions()")
        superuser.execute("select dreamlit.release(message_id) from " + HELD)
        superuser.execute("update dreamlit._chores set due_at = '-infinity' where chore <> 'drop partitions'")
        superuser.execute("select dreamlit._housekeep() from dreamlit._chores")
        for _ in range(10):
            work(superuser)
            while _render(sender.connection, random.Random(days), 1000):
                pass
            for channel in ("email", "slack"):
                while claimed := sender.claim(1000, channel=channel):
                    answers = sender.report_all(claimed, "started")
                    going = {row["message_id"] for row in answers if row["state"] == "sending"}
                    sender.report_all([row for row in claimed if row["message_id"] in going], "sent")
        if not unfinished(superuser):
            return
    left = unfinished(superuser)
    assert left == {}, left


@pytest.mark.slow
@pytest.mark.parametrize("labour", ["workers", "tickers"])
def test_everybody_at_once_and_nobody_in_a_circle(
    crowd: Crowd, connect: Connect, cluster: Cluster, superuser: Connection, labour: str
) -> None:
    """Workers render in the database; where senders tick, they render too: both ways are trodden."""
    name = superuser.info.dbname
    superuser.execute(
        "select dreamlit.set_setting('renderer', %s)",
        [Jsonb("database" if labour == "workers" else "sender")],
    )
    log = cluster.log.stat().st_size
    for n in range(4):
        crowd.add(
            "admin" if labour == "workers" else "sender", _labour if labour == "workers" else _tick, seed=n
        )
        crowd.add("sender", _serve, seed=10 + n)
    for n in range(3):
        crowd.add("app", _write, seed=20 + n, pause=0.05)
    for n in range(2):
        crowd.add("admin", _operate, seed=30 + n, pause=0.01)
    crowd.add("admin", _define, seed=40, pause=0.1)
    crowd.add("superuser", _retain, seed=50, pause=0.05)
    crowd.add("superuser", _vacuum, seed=60, pause=0.1)
    if labour == "tickers":
        crowd.add("sender", _render, seed=70)
        crowd.add("sender", _render, seed=71)
    changes = crowd.run(SECONDS)

    assert value(superuser, "select deadlocks from pg_stat_database where datname = %s", name) == 0
    assert "deadlock detected" not in _log_since(cluster, log)
    _finish(superuser, connect)
    found = broken(superuser)
    assert found == {}, found
    assert changes > 0
    assert (
        value(
            superuser,
            "select count(distinct payload -> 'trigger' -> 'id') from dreamlit.event_log where workflow = 'ledger'",
        )
        == changes
    )
    assert {row["sqlstate"] for row in _failures(superuser)} <= DELIBERATE, _failures(superuser)


def _log_since(cluster: Cluster, offset: int) -> str:
    with cluster.log.open(encoding="utf-8", errors="replace") as log:
        log.seek(offset)
        return log.read()


def _failures(superuser: Connection) -> list[dict[str, Any]]:
    return rows(
        superuser,
        "select error ->> 'sqlstate' as sqlstate, min(error ->> 'message') as message, count(*)"
        " from (select error from dreamlit._task_history where state = 'failed'"
        "       union all select error from dreamlit._task_attempts) as e group by 1",
    )

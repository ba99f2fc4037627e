"""A scene: a database with an application, receiving servers and real senders, made to be disturbed.

scene             on the run's cluster
shared_scene      the same for a whole module, with a sender that runs all the time
own_scene         on a durable server of this folder's own, which may be killed
LONG, SECONDS     the long form: DREAMLIT_FAULTS=long, as `make test-faults` sets it
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.conftest import BASE, _make_base, _unschedule
from tests.faults.ledger import KINDS, Account, Application, Ledger, balance, close_quietly, read_facts
from tests.faults.servers import Receivers
from tests.helpers import PATIENCE, Connection, publish, rows, value, wait_until

from dreamlit_pg.cluster import SUPERUSER, Cluster

LONG = os.environ.get("DREAMLIT_FAULTS") == "long"
SECONDS = float(os.environ.get("FAULT_SECONDS") or (600 if LONG else 10))
"""How long a fault lasts that has a length."""

LEASE = 2
"""Seconds after which an interrupted delivery shows."""

# A sender that gives up soon, and logs what it does for the report of a failure.
SENDER = {
    "DREAMLIT_CHANNELS": "email,slack",  # the database renders; a lane for it would meet our locks first
    "DREAMLIT_FROM": "Quill <hello@quill.example>",
    "DREAMLIT_DELIVERY_TIMEOUT": "2.5",
    "DREAMLIT_SLACK_TIMEOUT": "1.5",
    "DREAMLIT_POLL": "0.2",
}

StartSender = Callable[..., subprocess.Popen[bytes]]
_numbers = count(1)
_table: list[str] = []


def note(line: str) -> None:
    """Show a line now, and again in the table at the end of a run in the long form."""
    _table.append(line)
    if LONG:
        print(f"  {line}", flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LONG and _table:
        terminalreporter.section("faults")
        for line in _table:
            terminalreporter.write_line(line)


class Scene:
    """The parts, and what a test does with them."""

    cluster: Cluster

    def __init__(self, superuser_dsn: str, folder: Path, stack: ExitStack) -> None:
        self.dsn = superuser_dsn
        self.folder = folder
        self._stack = stack
        self.superuser = self.session("superuser")
        self.deliveries = Ledger(folder / "deliveries.jsonl")
        self.receivers = stack.enter_context(Receivers(self.deliveries))
        self.application = self.new_application()
        self.set_up()

    # Sessions

    def dsn_of(self, role: str) -> str:
        """A dsn for one of the roles that users have."""
        return make_conninfo(self.dsn, user=SUPERUSER if role == "superuser" else f"tests_{role}")

    def session(self, role: str, *, autocommit: bool = True) -> Connection:
        """A session, closed at the end."""
        connection = psycopg.connect(self.dsn_of(role), autocommit=autocommit)
        self._stack.callback(close_quietly, connection)
        return connection

    def new_application(self) -> Application:
        """One more process of the application; all of them note in one ledger."""
        application = Application(self.dsn_of("app"), Ledger(self.folder / "orders.jsonl"))
        self._stack.callback(application.close)
        return application

    # What is there before the fault

    def set_up(self) -> None:
        """The application's table, a workflow for each kind of order, and a short patience."""
        admin = self.session("admin")
        admin.execute("create table public.orders (token text primary key, kind text)")
        for kind in (*KINDS, "slack"):
            publish(admin, workflow_for(kind))
        self.superuser.execute(
            "select dreamlit.set_setting('lease', to_jsonb(%s::text))", [f"{LEASE} seconds"]
        )
        # Nor may they wait a second for each other.
        self.superuser.execute("""select dreamlit.set_setting('slack_pace', '"0 seconds"')""")
        # Ten seconds to an hour between tries is right for mail, and too long for a test.
        self.superuser.execute(
            "create or replace function dreamlit._retry_at(p_kind text, p_attempt integer) returns timestamptz"
            " language sql volatile set search_path = pg_catalog, pg_temp"
            " as $$ select dreamlit._now() + interval '300 milliseconds' $$"
        )
        admin.close()

    # Senders

    def start_sender(self, dsn: str | None = None, **variables: str) -> subprocess.Popen[bytes]:
        """Start a sender as its user does; ended with the test."""
        return self._stack.enter_context(self.running_sender(dsn, **variables))

    @contextmanager
    def running_sender(self, dsn: str | None = None, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """A sender that is told to stop at the end of the block."""
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("DREAMLIT_")},
            **SENDER,
            **self.receivers.environment,
            "DREAMLIT_DSN": dsn or self.dsn_of("sender"),
            **variables,
        }
        command = [sys.executable, "-c", "from dreamlit_cli.main import main; main()", "sender"]
        with self.log.open("ab") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    @property
    def dbname(self) -> str:
        """The database's name."""
        return self.superuser.info.dbname

    @property
    def log(self) -> Path:
        """What the senders logged."""
        return self.folder / "sender.log"

    def open_second_mail_server(self, port: int) -> None:
        """Let a mail server listen on a port that was closed so far."""
        self._stack.enter_context(Receivers(self.deliveries, smtp_port=port))

    # Watching

    def waits_for_lock(self, call: str) -> bool:
        """Whether a session stands before a lock within such a call."""
        return bool(
            value(
                self.superuser,
                "select exists (select from pg_stat_activity where datname = current_database()"
                " and wait_event_type = 'Lock' and query like %s and pid <> pg_backend_pid())",
                f"%{call}%",
            )
        )

    @contextmanager
    def locked(self, table: str, mode: str = "access exclusive") -> Iterator[Connection]:
        """Hold a lock on a table in a session of its own."""
        holder = self.session("superuser", autocommit=False)
        holder.execute(f"lock table {table} in {mode} mode".encode())
        try:
            yield holder
        finally:
            close_quietly(holder)

    def drain(self) -> None:
        """Return once nothing is under way any more: each order has its message, and each message its end."""
        left, deadline = self._left(), time.monotonic() + PATIENCE
        while left["events"] or left["queued"] or left["tasks"] or left["messages"] != left["orders"]:
            assert time.monotonic() < deadline, f"it does not drain: {left}\n{self.end_of_log()}"
            time.sleep(0.05)
            before, left = left, self._left()
            if left != before:
                deadline = time.monotonic() + PATIENCE

    def account(self, name: str = "") -> Account:
        """Let everything drain, and return the account, in which nothing may breach the promise."""
        self.drain()
        found = balance(
            self.application.ledger.entries(), self.deliveries.entries(), read_facts(self.superuser)
        )
        assert found.breaches == [], "\n".join([*found.breaches, self.end_of_log()])
        assert found.committed, "nothing was committed: this proves nothing"
        if name:
            note(
                f"{name:<58} committed {found.committed:>6}  rolled back {found.rolled_back:>5}  in doubt {found.in_doubt:>3}"
                f"  delivered {found.delivered:>6}  twice {found.doubled:>3}  {_in_words(found.states)}"
            )
        return found

    def state_of(self, token: str) -> tuple[str, int]:
        """A message's state, and how often it arrived."""
        (message,) = read_facts(self.superuser).messages[token]
        return message["state"], self.deliveries.count(token=token)

    def _left(self) -> dict[str, int]:
        try:
            (found,) = rows(
                self.superuser,
                "select (select count(*) from pgmq.q_dreamlit_events) as events,"
                " (select count(*) from dreamlit._outbox) as queued,"
                " (select count(*) from dreamlit._tasks where state <> 'sending') as tasks,"
                " (select count(*) from dreamlit.messages) as messages,"
                " (select count(*) from public.orders) as orders",
            )
        except psycopg.OperationalError:
            self.reconnect()
            return self._left()
        return found

    def reconnect(self) -> None:
        """Take a new session as superuser, as soon as the server lets one in."""
        close_quietly(self.superuser)
        wait_until(lambda: _is_accepting(self.dsn))
        self.superuser = self.session("superuser")

    def see_the_crash(self) -> None:
        """Return once the server has ended all sessions and is back; one that was killed takes a moment."""

        def ended() -> bool:
            try:
                self.superuser.execute("select 1")
            except psycopg.OperationalError:
                return True
            return False

        wait_until(ended)
        self.reconnect()

    def end_of_log(self) -> str:
        """The last that the senders logged."""
        return self.log.read_text("utf-8")[-3000:] if self.log.exists() else ""


def workflow_for(kind: str, *, when_uncertain: str | None = None) -> dict[str, object]:
    """The workflow of a kind of order: an email that is held or repeated when uncertain, or a Slack message."""
    if kind == "slack":
        step: dict[str, object] = {"id": "tell", "slack": {"channel": "#all", "text": "{{ trigger.token }}"}}
    else:
        content = {"to": "{{ trigger.token }}@example.com", "subject": "Order", "text": "{{ trigger.token }}"}
        step = {"id": "tell", "email": content, "when_uncertain": when_uncertain or kind}
    return {
        "workflow": f"orders_{kind}",
        "trigger": {"table": "public.orders", "on": "insert", "when": f"new.kind = '{kind}'"},
        "steps": [step],
    }


def _in_words(states: object) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(dict(states).items()))  # type: ignore[call-overload]


def _is_accepting(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _scene_on(cluster: Cluster, folder: Path) -> Iterator[Scene]:
    dbname = f"faults_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}"
    cluster.create_database(dbname, template=BASE)
    try:
        with ExitStack() as stack:
            scene = Scene(cluster.dsn(dbname), folder, stack)
            scene.cluster = cluster
            yield scene
        print(scene.end_of_log())  # shown where the test fails
    finally:
        cluster.start()
        wait_until(lambda: _is_accepting(cluster.dsn()))
        cluster.drop_database(dbname)


@pytest.fixture
def scene(cluster: Cluster, postgresql_base: object, tmp_path: Path) -> Iterator[Scene]:
    with _scene_on(cluster, tmp_path) as scene:
        yield scene


@pytest.fixture(scope="module")
def shared_scene(
    cluster: Cluster, postgresql_base: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One scene with a sender for all tests of a module, whose account grows with each."""
    with _scene_on(cluster, tmp_path_factory.mktemp("shared")) as scene:
        scene.start_sender()
        yield scene


@pytest.fixture(scope="session")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A durable server of this folder's own: it may be killed."""
    cluster = Cluster(tmp_path_factory.mktemp("own") / "own", kind="full", durable=True).start()
    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create extension if not exists pg_cron")
        _make_base(cluster, owner=SUPERUSER)
        _unschedule(cluster, BASE)
        yield cluster
    finally:
        cluster.drop()


@pytest.fixture
def own_scene(own_cluster: Cluster, tmp_path: Path) -> Iterator[Scene]:
    with _scene_on(own_cluster.start(), tmp_path) as scene:
        yield scene

"""`dreamlit upgrade` over a database of an earlier release in which everybody goes on: nothing lost, no table locked."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import TypeVar

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.conftest import _unschedule
from tests.helpers import (
    Connection,
    add_user,
    column,
    create_users,
    email,
    publish,
    rows,
    value,
    wait_until,
    work,
    workflow,
)
from tests.install.conftest import dump
from tests.upgrade.senders import OldSender
from tests.upgrade.test_upgrade import RELEASES, _populate, _run_script, _upgrade

from dreamlit_pg import sources
from dreamlit_pg.cluster import Cluster


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, empty_database: Callable[[], str], cluster: Cluster) -> Iterator[str]:
    """A populated database of an earlier release."""
    dsn = empty_database()
    _run_script(dsn, request.param.read_text("utf-8"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        _populate(connection)
    yield dsn
    # The command has scheduled a worker, which must not outlive the database.
    _unschedule(cluster, str(conninfo_to_dict(dsn)["dbname"]))


@pytest.fixture
def connection(old: str) -> Iterator[Connection]:
    with psycopg.connect(old, autocommit=True) as found:
        yield found


def _command(dsn: str) -> dict[str, object]:
    """What `dreamlit upgrade` says."""
    words = [sys.executable, "-c", "from dreamlit_cli.main import main; main()"]
    done = subprocess.run(
        [*words, "--dsn", dsn, "upgrade", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


T = TypeVar("T")


class Hands:
    """Threads that go on with what they do until told to stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        self._done: list[Future[None]] = []

    def put_to(self, labour: Callable[[], object]) -> None:
        """Start a thread that repeats it."""

        def repeat() -> None:
            while not self._stop.is_set():
                labour()

        self._done.append(self._pool.submit(repeat))

    def check(self) -> bool:
        """Raise what went wrong in one of them; return True."""
        for done in self._done:
            if done.done():
                done.result()
        return True

    def stop(self) -> None:
        """Let each finish what it is at."""
        self._stop.set()
        self._pool.shutdown()


class Writer:
    """Inserts users one by one, each in a transaction of its own; notes those that were committed."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.committed: list[str] = []
        self._name = name
        self._numbers = count(1)
        self._connection = connection

    def insert(self) -> None:
        name = f"{self._name}-{next(self._numbers)}"
        add_user(self._connection, name)
        self.committed.append(f"{name}@example.com")
        time.sleep(0.02)  # the postman is to keep up


def _insist(call: Callable[[], T]) -> T:
    """Call it again, as senders and pg_cron do: a call that an upgrade overtakes fails as a whole."""
    answers: list[T] = []

    def answered() -> bool:
        try:
            answers.append(call())
        except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction):
            return False
        return True

    wait_until(answered)
    return answers[0]


class Postman:
    """An old sender; notes to whom it delivered."""

    def __init__(self, sender: OldSender, reader: Connection) -> None:
        self.delivered: list[str] = []
        self._sender = sender
        self._reader = reader

    def deliver(self) -> None:
        claimed = _insist(lambda: self._sender.claim(20))
        states = _insist(lambda: self._sender.report(claimed, "started")) if claimed else {}
        ours = [item for item in claimed if states.get(item[0]) == "sending"]
        if not ours:
            _insist(self._sender.tick)
            return
        ids = [message for message, _ in ours]
        query = "select recipient from dreamlit.messages where message_id = any(%s)"
        self.delivered += column(self._reader, query, ids)
        _insist(lambda: self._sender.report(ours, "sent", provider="smtp"))


@pytest.fixture
def postman(old: str) -> Iterator[Postman]:
    sender = OldSender(old)
    with psycopg.connect(old, autocommit=True) as reader:
        yield Postman(sender, reader)
    sender.close()


@pytest.fixture
def writers(old: str) -> Iterator[list[Writer]]:
    with psycopg.connect(old, autocommit=True) as one, psycopg.connect(old, autocommit=True) as other:
        yield [Writer(one, "ann"), Writer(other, "bob")]


@pytest.fixture
def worker(old: str) -> Iterator[Connection]:
    with psycopg.connect(old, autocommit=True) as found:
        yield found


@pytest.mark.slow
def test_nothing_is_lost_or_sent_twice_while_everybody_goes_on(
    old: str, connection: Connection, writers: list[Writer], postman: Postman, worker: Connection
) -> None:
    writing, working = Hands(), Hands()
    for writer in writers:
        writing.put_to(writer.insert)
    working.put_to(lambda: _insist(lambda: worker.execute("call dreamlit.work(1)")))
    working.put_to(postman.deliver)
    try:
        wait_until(lambda: working.check() and len(postman.delivered) > 50)
        assert _command(old)["release"] == sources.release()
        before, written = len(postman.delivered), [len(writer.committed) for writer in writers]
        wait_until(lambda: working.check() and writing.check() and len(postman.delivered) > before + 50)
        assert all(len(writer.committed) > n for writer, n in zip(writers, written, strict=True))
        writing.stop()
        committed = {address for writer in writers for address in writer.committed}
        wait_until(lambda: working.check() and committed <= set(postman.delivered))
        # The last report may still be on its way.
        wait_until(lambda: working.check() and _unsettled(connection) == 0)
    finally:
        writing.stop()
        working.stop()
    times = Counter(postman.delivered)
    assert {address: times[address] for address in committed if times[address] != 1} == {}
    assert value(connection, "select count(*) from public.users") == value(
        connection, "select count(*) from dreamlit.runs"
    )


def _unsettled(connection: Connection) -> int:
    """How many of the writers' messages are not sent."""
    query = "select count(*) from dreamlit.messages where recipient ~ '^(ann|bob)-' and state <> 'sent'"
    found: int = value(connection, query)
    return found


SEE_LOCKS = """
create table public.commands_seen (tag text);
create table public.locks_seen (relation text, mode text, tag text);
create function public.see_locks() returns event_trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  if current_setting('application_name') <> 'dreamlit install' then
    return;
  end if;
  insert into public.commands_seen values (tg_tag);
  insert into public.locks_seen
    select c.oid::regclass, l.mode, tg_tag
    from pg_locks as l join pg_class as c on c.oid = l.relation join pg_namespace as n on n.oid = c.relnamespace
    where l.pid = pg_backend_pid() and l.mode <> 'AccessShareLock' and c.relname !~ '_seen$'
      and n.nspname !~ '^(dreamlit|dreamlit_workflows|pgmq|cron|information_schema|pg_.*)$';
end;
$$;
create event trigger see_locks on ddl_command_end execute function public.see_locks();
"""


def test_the_command_holds_no_lock_on_any_table_of_the_users(old: str, connection: Connection) -> None:
    """Looked at from within its own transaction, after each of its commands."""
    connection.execute("create schema shop")
    connection.execute("create table shop.orders (id int, email text) partition by range (id)")
    connection.execute("create table shop.orders_1 partition of shop.orders for values from (1) to (9)")
    document = workflow(email(), name="orders")
    publish(connection, {**document, "trigger": {"table": "shop.orders", "on": ["insert", "update"]}} | {
        "steps": [{"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": "s", "text": "t"}}]
    })  # fmt: skip
    connection.execute(SEE_LOCKS.encode())
    _command(old)
    assert value(connection, "select count(*) from public.commands_seen") > 100
    assert rows(connection, "select distinct relation, mode from public.locks_seen") == []


def test_a_second_upgrade_changes_nothing(old: str, cluster: Cluster) -> None:
    _upgrade(old)
    once = dump(cluster, old)
    _upgrade(old)
    assert dump(cluster, old) == once


def test_no_table_of_a_large_installation_is_written_anew(
    empty_database: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """100,000 runs that wait; what an upgrade takes is printed, not judged."""
    dsn = empty_database()
    _run_script(dsn, RELEASES[0].read_text("utf-8"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        create_users(connection)
        publish(connection, workflow({"id": "nap", "wait": "3 days"}, email()))
        connection.execute(
            "insert into public.users (email, name) select n || '@example.com', n from generate_series(1, 100000) as n"
        )
        while value(connection, "select count(*) from dreamlit._tasks where step_id is not null") < 100_000:
            work(connection)
        files = (
            "select oid::bigint, pg_relation_filenode(oid) from pg_class"
            " where relnamespace in ('dreamlit'::regnamespace, 'pgmq'::regnamespace) and relkind in ('r', 'i')"
        )
        before = dict(connection.execute(files.encode()).fetchall())
        began = value(connection, "select clock_timestamp()")
        _upgrade(dsn)
        took = value(connection, "select clock_timestamp() - %s", began)
        after = dict(connection.execute(files.encode()).fetchall())
        assert value(connection, "select count(*) from dreamlit.runs where doing = 'nap: waiting'") == 100_000
    with capsys.disabled():
        print(f" upgrade beside 100,000 waiting runs: {took.total_seconds():.1f} s ", end="")
    kept = before.keys() & after.keys()
    assert len(kept) > 50
    assert {oid for oid in kept if before[oid] != after[oid]} == set()


def test_a_reader_that_holds_one_view_still_gets_the_others_while_an_upgrade_waits(
    old: str, connection: Connection
) -> None:
    """The locks that are had are given back until all are: nobody dies of a deadlock, nobody waits long."""
    waits = (
        "select exists (select from pg_stat_activity where application_name = 'dreamlit install'"
        " and wait_event_type = 'Lock' and datname = current_database())"
    )
    with psycopg.connect(old) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("select from dreamlit._steps")
        upgrade = pool.submit(_command, old)
        wait_until(lambda: value(connection, waits))
        for view in ("runs", "messages", "workflows"):
            reader.execute(f"select from dreamlit.{view}".encode())
        assert not upgrade.done()
        reader.rollback()
        assert upgrade.result()["release"] == sources.release()

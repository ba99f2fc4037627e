"""A standby takes over in mid-traffic: nothing lost, nothing sent twice, the worker goes on where it was."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.e2e.conftest import StartSender, eventually
from tests.helpers import work

from dreamlit_cli.demo.inbox import Inbox
from dreamlit_pg.cluster import SUPERUSER, Cluster
from dreamlit_pg.errors import DatabaseError
from dreamlit_pg.install import install

pytestmark = pytest.mark.slow

WORKFLOW = {
    "workflow": "w",
    "trigger": {"table": "public.t", "on": "insert"},
    "steps": [
        {"id": "tell", "email": {"to": "u{{ trigger.id }}@example.com", "subject": "s", "text": "t"}},
        {"id": "nap", "wait": "1 second"},
    ],
}


@pytest.fixture
def address() -> Iterator[Path]:
    """Where pg_cron finds the primary, whichever it is: what a name in the DNS is elsewhere."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder / "primary"
    shutil.rmtree(folder)


@pytest.fixture
def primary(tmp_path: Path, address: Path) -> Iterator[Cluster]:
    """A durable server with a workflow, whose worker pg_cron starts."""
    cluster = Cluster(tmp_path / "primary", kind="full").start()
    try:
        install(cluster.dsn())
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            address.symlink_to(cluster.socket_folder)
            connection.execute("update cron.job set nodename = %s", [str(address)])
            connection.execute("create role mailer login in role dreamlit_sender")
            connection.execute("create table public.t (id int primary key)")
            connection.execute("select dreamlit.publish(%s)", [Jsonb(WORKFLOW)])
            # An interrupted delivery shows after this.
            connection.execute("""select dreamlit.set_setting('lease', '"5 seconds"')""")
        yield cluster
    finally:
        cluster.drop()


@pytest.fixture
def standby(primary: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """A streaming copy of it, without which nothing commits."""
    copy = Cluster(tmp_path / "standby", kind="full").start()
    try:
        copy.stop()
        shutil.rmtree(copy.data)
        where = ["-h", str(primary.socket_folder), "-p", str(primary.port), "-U", SUPERUSER]
        into = ["-D", str(copy.data), "-X", "stream", "-R", "-c", "fast"]
        copy._run("pg_basebackup", *into, *where, bin=primary.bin)
        state = copy.home / "cluster.json"
        state.write_text(json.dumps({**json.loads(state.read_text()), "port": primary.port}))
        copy.start()
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute("alter system set synchronous_standby_names = '*'")
            connection.execute("select pg_reload_conf()")
        eventually(lambda: _value(primary, "select max(sync_state) from pg_stat_replication") == "sync")
        yield copy
    finally:
        copy.drop()


def _value(cluster: Cluster, query: str) -> object:
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def _work_until(cluster: Cluster, query: str) -> None:
    """pg_cron's worker may be at it already, or begin within a minute."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:

        def is_done() -> bool:
            work(connection)
            return bool(_value(cluster, query))

        eventually(is_done)


class Application(threading.Thread):
    """Inserts row after row, each in a transaction of its own, and notes which of them were committed."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self.committed: list[int] = []

    def run(self) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                for number in range(1, 100_000):
                    connection.execute("insert into public.t values (%s)", [number])
                    self.committed.append(number)
        except psycopg.OperationalError:
            return


def test_a_failover_in_the_middle_of_everything(
    primary: Cluster, standby: Cluster, address: Path, inbox: Inbox, start_sender: StartSender
) -> None:
    sender = start_sender(
        f"host={primary.socket_folder},{standby.socket_folder} port={primary.port},{standby.port}"
        " user=mailer dbname=postgres target_session_attrs=read-write"
    )
    application = Application(primary.dsn())
    application.start()
    eventually(lambda: len(inbox.messages) >= 50)
    primary._stop("immediate")
    application.join(30)
    _promote(standby, primary, address)
    with psycopg.connect(standby.dsn(), autocommit=True) as connection:
        promoted_at = connection.execute("select clock_timestamp()").fetchone()
        assert promoted_at is not None
        connection.execute("insert into public.t values (-1)")

    eventually(lambda: _is_settled(standby), explain=lambda: _states(standby))
    assert sender.poll() is None, "the same process goes on"
    _check_ledgers(standby, inbox, {*application.committed, -1})
    eventually(
        lambda: bool(
            _value(
                standby,
                f"select max(last_tick_at) > '{promoted_at[0]}' from dreamlit._workers where worker like 'work:%'",
            )
        ),
        explain=lambda: "pg_cron's worker does not come back",
    )


def _promote(standby: Cluster, primary: Cluster, address: Path) -> None:
    """Make the standby the primary; the old one, which has stopped, is gone for good."""
    shutil.rmtree(primary.data)
    address.unlink()
    address.symlink_to(standby.socket_folder)
    standby._run("pg_ctl", "promote", "-D", str(standby.data), "-w", bin=standby.bin)
    with psycopg.connect(standby.dsn(), autocommit=True) as connection:
        # It has no standby of its own to wait for.
        connection.execute("alter system set synchronous_standby_names = ''")
        connection.execute("select pg_reload_conf()")


def test_a_sender_on_a_standby_says_so_and_begins_once_it_is_promoted(
    primary: Cluster, standby: Cluster, address: Path, inbox: Inbox, start_sender: StartSender, tmp_path: Path
) -> None:
    with psycopg.connect(primary.dsn(), autocommit=True) as connection:
        connection.execute("insert into public.t values (1)")
    _work_until(primary, "select count(*) = 1 from dreamlit.messages")
    sender = start_sender(standby.dsn(user="mailer"))
    log = tmp_path / "sender.log"
    eventually(lambda: {"listen", "tick", "email", "slack", "render"} <= _refused_by_standby(log))
    assert inbox.messages == []
    primary._stop("immediate")
    _promote(standby, primary, address)
    eventually(lambda: _is_settled(standby), explain=lambda: _states(standby))
    assert sender.poll() is None, "the same process goes on"
    _check_ledgers(standby, inbox, {1})


def _refused_by_standby(log: Path) -> set[str]:
    """Which parts of the sender have been told that a standby takes no writes."""
    lines = [line for line in log.read_text().splitlines() if "a standby takes no writes: name the" in line]
    return {part for line in lines for part in re.findall(r"(?:purpose|channel)=(\w+)", line)}


def test_a_standby_answers_who_reads_and_refuses_an_installation(primary: Cluster, standby: Cluster) -> None:
    with psycopg.connect(primary.dsn(), autocommit=True) as connection:
        connection.execute("insert into public.t values (1)")
    _work_until(primary, "select count(*) = 1 from dreamlit.runs")
    eventually(lambda: _value(standby, "select count(*) from dreamlit.runs") == 1)
    with psycopg.connect(standby.dsn()) as connection:
        checks = connection.execute("select name, state, detail from dreamlit.doctor()").fetchall()
    assert [check for check in checks if check[0] == "pg_cron" and check[1] != "ok"] == []
    with pytest.raises(DatabaseError, match="read-only transaction") as refused:
        install(standby.dsn())
    assert "name the primary" in str(refused.value.hint)


def _is_settled(cluster: Cluster) -> bool:
    """Every row has its run, and every message is sent or waits for a person."""
    return bool(
        _value(
            cluster,
            "select (select count(*) from dreamlit.runs) = (select count(*) from public.t)"
            " and not exists (select from dreamlit.messages where state in ('queued', 'sending'))"
            " and (select count(*) from dreamlit.messages) = (select count(*) from public.t)",
        )
    )


def _states(cluster: Cluster) -> object:
    return _value(
        cluster,
        "select jsonb_build_object('rows', (select count(*) from public.t), 'runs', (select count(*) from dreamlit.runs),"
        " 'messages', (select jsonb_object_agg(state, n) from (select state, count(*) as n from dreamlit.messages group by 1) as s))",
    )


def _check_ledgers(cluster: Cluster, inbox: Inbox, committed: set[int]) -> None:
    arrived = Counter(message.to for message in inbox.messages)
    with psycopg.connect(cluster.dsn()) as connection:
        found = connection.execute("select recipient, state from dreamlit.messages").fetchall()
        rows = {int(str(row[0])) for row in connection.execute("select id from public.t").fetchall()}
    states = {str(recipient): str(state) for recipient, state in found}
    assert committed <= rows, "what was committed is on the standby"
    assert {f"u{number}@example.com" for number in rows} == set(states)
    assert set(states.values()) <= {"sent", "uncertain"}
    assert [to for to, state in states.items() if state == "sent" and not arrived[to]] == []
    assert [to for to, times in arrived.items() if times > 1] == []

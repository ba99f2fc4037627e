"""The server crashes under load, a sender is killed: what was committed arrives, and twice only if shown as uncertain."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.e2e.conftest import StartSender, eventually

from dreamlit_cli.demo.inbox import Inbox
from dreamlit_pg.cluster import Cluster
from dreamlit_pg.install import install

pytestmark = pytest.mark.slow

ROWS = 300
WORKFLOW = {
    "workflow": "w",
    "trigger": {"table": "public.t", "on": "insert"},
    "steps": [{"id": "tell", "email": {"to": "u{{ trigger.id }}@example.com", "subject": "s", "text": "t"}}],
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """A durable server of this test's own, whose only worker is the sender's tick."""
    cluster = Cluster(tmp_path / "own", kind="full", durable=True).start()
    try:
        dsn = cluster.dsn()
        install(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("select cron.unschedule(jobid) from cron.job")
            connection.execute("create role mailer login in role dreamlit_sender")
            connection.execute("create table public.t (id int primary key)")
            connection.execute("select dreamlit.publish(%s)", [Jsonb(WORKFLOW)])
            # An interrupted delivery shows after this.
            connection.execute("""select dreamlit.set_setting('lease', '"5 seconds"')""")
        yield cluster
    finally:
        cluster.drop()


def _insert(dsn: str, first: int, last: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into public.t select generate_series(%s::int, %s::int)", (first, last))


def _settled(dsn: str) -> bool:
    """Every run has ended, but for those that wait for a person."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select (select count(*) from dreamlit.runs) = %s"
            " and not exists (select from dreamlit.messages where state in ('queued', 'sending'))",
            [ROWS],
        ).fetchone()
    return bool(row and row[0])


def _check_ledgers(dsn: str, inbox: Inbox) -> None:
    arrived = Counter(message.to for message in inbox.messages)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select recipient, state from dreamlit.messages").fetchall()
    states = {str(recipient): str(state) for recipient, state in rows}
    assert set(states) == {f"u{number}@example.com" for number in range(1, ROWS + 1)}
    assert set(states.values()) <= {"sent", "uncertain"}
    assert [to for to, state in states.items() if state == "sent" and not arrived[to]] == []
    assert [to for to, times in arrived.items() if times > 1] == []


def test_a_crash_of_the_server_in_the_middle(own: Cluster, inbox: Inbox, start_sender: StartSender) -> None:
    sender = start_sender(own.dsn(user="mailer"))
    _insert(own.dsn(), 1, 150)
    eventually(lambda: len(inbox.messages) >= 20)
    own.restart(mode="immediate")
    _insert(own.dsn(), 151, ROWS)
    eventually(lambda: _settled(own.dsn()))
    assert sender.poll() is None, "the same process goes on"
    _check_ledgers(own.dsn(), inbox)


def test_a_sender_that_is_killed_in_the_middle(own: Cluster, inbox: Inbox, start_sender: StartSender) -> None:
    killed = start_sender(own.dsn(user="mailer"))
    _insert(own.dsn(), 1, ROWS)
    eventually(lambda: len(inbox.messages) >= 20)
    killed.send_signal(signal.SIGKILL)
    start_sender(own.dsn(user="mailer"))
    eventually(lambda: _settled(own.dsn()))
    _check_ledgers(own.dsn(), inbox)

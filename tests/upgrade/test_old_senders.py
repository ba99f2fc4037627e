"""Senders of an earlier release stay connected over an upgrade; a release that breaks with them refuses them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.helpers import (
    Connection,
    add_user,
    add_users,
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
from tests.upgrade.senders import OldSender
from tests.upgrade.test_upgrade import RELEASES, _run_script, _upgrade

from dreamlit_pg import sources

OLDEST = RELEASES[0]


@pytest.fixture
def old(empty_database: Callable[[], str]) -> str:
    """A database of release 0.1.0 with a workflow and three messages."""
    dsn = empty_database()
    _run_script(dsn, OLDEST.read_text("utf-8"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        create_users(connection)
        publish(connection, workflow(email()))
        add_users(connection, 3)
        work(connection, 2)
    return dsn


@pytest.fixture
def sender(old: str) -> Iterator[OldSender]:
    found = OldSender(old)
    yield found
    found.close()


@pytest.fixture
def connection(old: str) -> Iterator[Connection]:
    with psycopg.connect(old, autocommit=True) as found:
        yield found


def test_what_an_old_sender_has_begun_it_reports_after_the_upgrade(
    old: str, sender: OldSender, connection: Connection
) -> None:
    claimed = sender.claim(2)
    assert set(sender.report(claimed[:1], "started").values()) == {"sending"}
    _upgrade(old)
    assert sender.report(claimed[:1], "sent", provider="smtp") == {claimed[0][0]: "sent"}
    assert sender.report(claimed[1:], "started") == {claimed[1][0]: "sending"}
    assert sender.report(claimed[1:], "sent") == {claimed[1][0]: "sent"}
    states = column(connection, "select state from dreamlit.messages order by state")
    assert states == ["queued", "sent", "sent"]


def test_an_old_sender_goes_on_claiming_and_ticking(
    old: str, sender: OldSender, connection: Connection
) -> None:
    sender.claim(3)
    _upgrade(old)
    add_user(connection, "late")
    connection.execute("delete from dreamlit._workers")  # nobody else ticks
    for _ in range(6):
        sender.tick()
    (late,) = sender.claim(10)
    assert value(connection, "select recipient from dreamlit.messages where message_id = %s", late[0]) == (
        "late@example.com"
    )
    assert value(connection, "select release from dreamlit._senders") == "0.1.0"


def test_a_breaking_release_refuses_an_old_sender(
    old: str, sender: OldSender, connection: Connection
) -> None:
    _upgrade(old)
    connection.execute(
        "update dreamlit._releases set breaking = true where release = %s", [sources.release()]
    )
    for call in (lambda: sender.claim(1), sender.tick):
        with pytest.raises(
            psycopg.DatabaseError, match=r"a sender of release 0\.1\.0 may not work"
        ) as refused:
            call()
        assert refused.value.sqlstate == "DL005"
        assert "and start it again" in (refused.value.diag.message_hint or "")
    assert column(connection, "select state from dreamlit.messages") == ["queued"] * 3


def test_a_breaking_release_leaves_its_own_senders_alone(old: str, connection: Connection) -> None:
    _upgrade(old)
    connection.execute(
        "update dreamlit._releases set breaking = true where release = %s", [sources.release()]
    )
    claimed = rows(
        connection, "select * from dreamlit.claim('email', 'new', 10, release => %s)", sources.release()
    )
    assert len(claimed) == 3


def _start_sender(dsn: str, log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "DREAMLIT_DSN": dsn,
        "DREAMLIT_CONSOLE": "true",
        "DREAMLIT_FROM": "a@b.example",
    }
    command = [sys.executable, "-c", "from dreamlit_cli.main import main; main()", "sender"]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def test_a_new_sender_waits_for_the_upgrade_and_says_so(
    old: str, connection: Connection, tmp_path: Path
) -> None:
    log = tmp_path / "sender.log"
    process = _start_sender(old, log)
    try:
        wait_until(lambda: "run dreamlit upgrade on the database" in log.read_text())
        assert column(connection, "select state from dreamlit.messages") == ["queued"] * 3
        _upgrade(old)
        wait_until(lambda: set(column(connection, "select state from dreamlit.messages")) == {"sent"})
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(30)


def test_a_real_sender_that_is_refused_says_why_and_delivers_nothing(
    old: str, connection: Connection, tmp_path: Path
) -> None:
    _upgrade(old)
    connection.execute("insert into dreamlit._releases (release, breaking) values ('99.0.0', true)")
    log = tmp_path / "sender.log"
    process = _start_sender(old, log)
    try:
        wait_until(lambda: "release 99.0.0 broke with it" in log.read_text())
        assert "install dreamlit-pg 99.0.0 or later" in log.read_text()
        assert column(connection, "select state from dreamlit.messages") == ["queued"] * 3
    finally:
        process.terminate()
        process.wait(30)


def test_an_upgrade_locks_no_table_of_the_users(old: str, connection: Connection) -> None:
    with psycopg.connect(old) as installer:
        installer.execute(sources.install_script().encode())
        locked = rows(
            connection,
            "select c.oid::regclass::text as relation, l.mode from pg_locks as l join pg_class as c on c.oid = l.relation"
            " where l.pid = %s and c.relnamespace = 'public'::regnamespace and l.mode <> 'AccessShareLock'",
            installer.info.backend_pid,
        )
        assert locked == []
        installer.rollback()


def test_a_view_of_somebody_s_own_on_ours_survives_the_upgrade(old: str, connection: Connection) -> None:
    connection.execute("create view public.troubles as select * from dreamlit.health where state <> 'ok'")
    connection.execute("create view public.mine as select run_id, state from dreamlit.runs")
    _upgrade(old)
    assert value(connection, "select count(*) from public.mine") == 3
    assert value(connection, "select count(*) >= 0 from public.troubles")


def test_going_back_to_an_earlier_release_is_refused(old: str) -> None:
    _upgrade(old)
    with pytest.raises(psycopg.DatabaseError, match=r"which is newer than 0\.1\.0") as refused:
        _run_script(old, OLDEST.read_text("utf-8"))
    assert refused.value.sqlstate == "DL005"

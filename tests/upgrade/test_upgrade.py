"""From each release that was ever out to this one: the catalog of a fresh installation, and nothing lost.

The scripts of the releases are kept in the folder releases; see freeze.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
    shift_clock,
    value,
    wait_until,
    work,
    workflow,
)
from tests.install.conftest import dump

from dreamlit_pg import sources
from dreamlit_pg.cluster import Cluster

RELEASES = sorted((Path(__file__).parent / "releases").glob("*.sql"))
EmptyDatabase = Callable[[], str]


def _run_script(dsn: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())


def _upgrade(dsn: str) -> None:
    """Without scheduling a worker, which would take the runs of a test on."""
    with psycopg.connect(dsn) as connection:
        connection.execute(sources.install_script().encode())


def _populate(connection: Connection) -> None:
    """Runs in every state that one can be in, of a version that is published and of one that was."""
    create_users(connection)
    publish(connection, workflow(email(), {"id": "nap", "wait": "3 days"}, email("again")))
    add_users(connection, 4)
    work(connection)
    claimed = [
        row["message_id"]
        for row in rows(connection, "select message_id from dreamlit.claim('email', 'me', 3)")
    ]
    for outcome in ("started", "sent"):
        connection.execute(
            "select dreamlit.report('me', jsonb_build_array(jsonb_build_object("
            "'message_id', %s::bigint, 'attempt', 1, 'outcome', %s::text)))",
            [claimed[0], outcome],
        )
    connection.execute(
        "select dreamlit.report('me', jsonb_build_array(jsonb_build_object("
        "'message_id', %s::bigint, 'attempt', 1, 'outcome', 'failed', 'fault', 'unknown')))",
        [claimed[1]],
    )
    publish(
        connection,
        workflow({"id": "rate", "query": "select 1 / (trigger.visits - 1) as n", "attempts": 1}, email()),
    )
    add_users(connection, 2)
    work(connection, 2)
    add_user(connection, "waits")


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, empty_database: EmptyDatabase) -> str:
    """A database of an earlier release."""
    dsn = empty_database()
    _run_script(dsn, request.param.read_text("utf-8"))
    return dsn


def test_there_is_a_script_of_this_release_or_an_earlier_one() -> None:
    assert RELEASES, "python -m tests.upgrade.freeze"


def test_an_upgraded_installation_equals_a_fresh_one(
    old: str, empty_database: EmptyDatabase, cluster: Cluster
) -> None:
    fresh = empty_database()
    _upgrade(fresh)
    _upgrade(old)
    assert dump(cluster, old) == dump(cluster, fresh)


def test_an_upgraded_installation_in_use_equals_a_fresh_one_in_use(
    old: str, empty_database: EmptyDatabase, cluster: Cluster
) -> None:
    fresh = empty_database()
    _upgrade(fresh)
    for dsn in (old, fresh):
        with psycopg.connect(dsn, autocommit=True) as connection:
            _populate(connection)
    _upgrade(old)
    assert _without_oids(cluster, old) == _without_oids(cluster, fresh)


def _without_oids(cluster: Cluster, dsn: str) -> str:
    """A dump in which each watched table's oid, which its trigger functions know, is its name."""
    found = dump(cluster, dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables = rows(
            connection,
            "select distinct tgrelid::oid::text as oid, tgrelid::regclass::text as name from pg_trigger",
        )
    for table in tables:
        found = re.sub(rf"\b{table['oid']}\b", table["name"], found)
    return found


def test_what_is_open_goes_on_after_the_upgrade(old: str) -> None:
    with psycopg.connect(old, autocommit=True) as connection:
        _populate(connection)
        query = "select run_id, state, version, messages from dreamlit.runs order by run_id"
        before = rows(connection, query)
        _upgrade(old)
        assert rows(connection, query) == before
        work(connection, 2)
        assert value(connection, "select count(*) from dreamlit.runs") == len(before) + 1
        shift_clock(connection, "4 days")
        work(connection, 2)
        found = column(connection, "select state from dreamlit.tasks where step = 'again'")
        assert found == ["sending"]
        held = value(connection, "select message_id from dreamlit.messages where state = 'uncertain'")
        assert value(connection, "select dreamlit.release(%s)", held) == "queued"
        failed = value(connection, "select run_id from dreamlit.runs where state = 'failed'")
        assert value(connection, "select dreamlit.retry_run(%s)", failed) == 1


def test_settings_are_kept(old: str) -> None:
    with psycopg.connect(old, autocommit=True) as connection:
        connection.execute("select dreamlit.set_setting('lease', '\"7 minutes\"')")
        _upgrade(old)
        assert value(connection, "select dreamlit._setting('lease')") == "7 minutes"


# Beside a host that goes on


def test_runs_in_flight_survive_an_upgrade_with_a_worker_running(
    admin: Connection,
    app: Connection,
    connect: Callable[..., Connection],
    database: str,
    superuser: Connection,
) -> None:
    import threading
    from concurrent.futures import ThreadPoolExecutor

    create_users(admin)
    publish(admin, workflow({"id": "each", "query": "select n from generate_series(1, 3) as n"}, email()))
    worker, stop = connect("superuser"), threading.Event()

    def labour() -> None:
        while not stop.is_set():
            worker.execute("call dreamlit.work(1)")

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(labour)
        try:
            for _ in range(3):
                add_users(app, 100)
                _upgrade(database)
            wait_until(lambda: value(superuser, "select count(*) from dreamlit.messages") == 900)
        finally:
            stop.set()
        working.result(timeout=30)
    assert set(column(superuser, "select open_tasks from dreamlit.runs")) == {3}
    assert set(column(superuser, "select last_error from dreamlit._workers")) == {None}


def test_an_upgrade_waits_for_no_user_and_no_user_waits_for_it(
    admin: Connection,
    app: Connection,
    connect: Callable[..., Connection],
    database: str,
    superuser: Connection,
) -> None:
    """A long transaction that has written to a watched table may neither stop it nor be stopped."""
    create_users(admin)
    publish(admin, workflow(email()))
    slow = connect("app", autocommit=False)
    add_user(slow, "slow")
    with psycopg.connect(database) as installer:
        installer.execute("set lock_timeout = '5s'")
        installer.execute(sources.install_script().encode())
        app.execute("set lock_timeout = '5s'")
        add_user(app, "quick")
        add_user(slow, "again")
    slow.commit()
    work(superuser, 2)
    assert value(superuser, "select count(*) from dreamlit.messages") == 3

"""Event and change commit or roll back together, and nobody waits for anybody."""

from __future__ import annotations

import psycopg
import pytest
from tests.capture.conftest import Events, Watch
from tests.conftest import Connect
from tests.helpers import Connection, value, work


@pytest.fixture(autouse=True)
def table(admin: Connection, watch: Watch) -> None:
    admin.execute("create table public.t (id int primary key)")
    watch("public.t", ["insert", "update"], uses="trigger.id")


def test_a_rollback_leaves_no_event(connect: Connect, events: Events) -> None:
    app = connect("app", autocommit=False)
    app.execute("insert into public.t values (1)")
    app.rollback()
    assert events() == []


def test_a_rollback_to_a_savepoint_takes_its_events_along(connect: Connect, events: Events) -> None:
    app = connect("app", autocommit=False)
    app.execute("insert into public.t values (1)")
    app.execute("savepoint s")
    app.execute("insert into public.t values (2)")
    app.execute("rollback to s")
    app.execute("insert into public.t values (3)")
    app.commit()
    assert [event["trigger"]["id"] for event in events()] == [1, 3]


def test_a_late_commit_is_not_skipped(connect: Connect, superuser: Connection) -> None:
    early, late = connect("app", autocommit=False), connect("app", autocommit=False)
    late.execute("insert into public.t values (1)")
    early.execute("insert into public.t values (2)")
    early.commit()
    work(superuser)
    assert value(superuser, "select array_agg(payload #>> '{trigger,id}') from dreamlit.runs") == ["2"]
    late.commit()
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.event_log where run_id is not null") == 2


def test_the_writer_needs_no_right_of_ours(app: Connection, events: Events) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("select * from dreamlit.runs")
    app.execute("insert into public.t values (1)")
    assert len(events()) == 1


def test_row_level_security_of_the_table_does_not_hide_its_rows(
    admin: Connection, app: Connection, events: Events
) -> None:
    admin.execute("alter table public.t enable row level security")
    admin.execute("create policy write_only on public.t for insert to tests_app with check (true)")
    app.execute("insert into public.t values (1)")
    assert len(events()) == 1


def test_two_writers_do_not_wait_for_each_other(connect: Connect, superuser: Connection) -> None:
    one, two = connect("app", autocommit=False), connect("app", autocommit=False)
    one.execute("insert into public.t values (1)")
    two.execute("set lock_timeout = '2s'")
    two.execute("insert into public.t values (2)")
    waiting = value(superuser, "select count(*) from pg_locks where not granted")
    two.commit()
    one.commit()
    assert waiting == 0


def test_capture_notifies_nobody_in_the_users_transaction(connect: Connect, app: Connection) -> None:
    """NOTIFY takes a lock on the whole database at commit."""
    listener = connect("superuser")
    channels = [
        row[0]
        for row in listener.execute(
            "select distinct 'dreamlit_' || c from unnest(array['outbox', 'events']) as c"
        )
    ]
    for channel in channels:
        listener.execute(f"listen {channel}".encode())
    app.execute("insert into public.t values (1)")
    listener.execute("notify dreamlit_outbox, 'end'")
    assert [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)] == ["end"]


def test_a_table_that_stays_locked_cannot_be_watched_and_nothing_changes(
    admin: Connection, connect: Connect, watch: Watch, superuser: Connection
) -> None:
    admin.execute("create table public.busy (id int)")
    holder = connect("admin", autocommit=False)
    holder.execute("lock table public.busy in row exclusive mode")
    with pytest.raises(psycopg.Error) as raised:
        watch("public.busy", name="late")
    assert raised.value.sqlstate == "DL007"
    assert value(superuser, "select count(*) from dreamlit.workflows where name = 'late'") == 0
    holder.rollback()
    watch("public.busy", name="late")

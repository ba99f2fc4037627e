"""What is over goes day by day, by dropping partitions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.advance.conftest import Run, run
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    column,
    email,
    rows,
    shift_clock,
    value,
    wait_for_lock,
    wait_until,
    work,
)
from tests.outbox.conftest import Sender, me

__all__ = ["Run", "me", "run"]

KINDS = {
    "_run_history": "keep_runs",
    "_task_history": "keep_tasks",
    "_task_attempts": "keep_tasks",
    "_messages": "keep_messages",
    "_attempts": "keep_attempts",
    "_ignored_events": "keep_ignored_events",
    "_audit_log": "keep_audit_log",
    "_engagement": "keep_engagement",
}

Drop = Callable[[], list[str]]


@pytest.fixture
def drop(superuser: Connection) -> Drop:
    """Drops partitions until none is left to drop; returns the tables, one for each day that went."""

    def drop() -> list[str]:
        gone: list[str] = []
        while (name := value(superuser, "select dreamlit._drop_old_partition()")) is not None:
            gone.append(name[:-9])
        return gone

    return drop


def keep(admin: Connection, setting: str, how_long: str) -> None:
    admin.execute("select dreamlit.set_setting(%s, %s)", [setting, Jsonb(how_long)])


def _days(superuser: Connection, table: str) -> list[str]:
    return column(
        superuser,
        "select right(c.relname, 8) from pg_inherits as i join pg_class as c on c.oid = i.inhrelid"
        " where i.inhparent = to_regclass('dreamlit.' || %s) order by 1",
        table,
    )


def _day(superuser: Connection, ahead: int = 0) -> str:
    """A day of the server's clock, as partitions are named."""
    query = "select to_char((pg_catalog.now() at time zone 'UTC')::date + %s, 'YYYYMMDD')"
    found: str = value(superuser, query, ahead)
    return found


@pytest.mark.parametrize(("table", "setting"), KINDS.items())
def test_each_kind_has_its_own_time(
    admin: Connection, superuser: Connection, drop: Drop, table: str, setting: str
) -> None:
    keep(admin, setting, "2 days")
    shift_clock(superuser, "10 days")
    assert set(drop()) == {name for name, kind in KINDS.items() if kind == setting}
    assert _day(superuser) not in _days(superuser, table)


def test_a_kind_without_its_own_goes_with_all_history(
    admin: Connection, superuser: Connection, drop: Drop
) -> None:
    keep(admin, "keep_history", "2 days")
    keep(admin, "keep_runs", "2 years")
    shift_clock(superuser, "10 days")
    assert set(drop()) == set(KINDS) - {"_run_history"}


def test_only_whole_days_go(admin: Connection, superuser: Connection, drop: Drop) -> None:
    keep(admin, "keep_runs", "1 hour")
    drop()
    assert _days(superuser, "_run_history")[0] == _day(superuser)


def test_a_day_stays_until_its_last_moment_is_old_enough(
    admin: Connection, superuser: Connection, drop: Drop
) -> None:
    keep(admin, "keep_runs", "3 days")
    left = "select extract(epoch from (date_trunc('day', now() at time zone 'UTC') + interval '4 days') - (now() at time zone 'UTC'))"
    seconds = float(value(superuser, left))
    shift_clock(superuser, f"{seconds - 60} seconds")
    drop()
    assert _day(superuser) in _days(superuser, "_run_history")
    shift_clock(superuser, f"{seconds + 60} seconds")
    drop()
    assert _day(superuser) not in _days(superuser, "_run_history")


def test_nothing_goes_before_its_time(superuser: Connection, drop: Drop) -> None:
    shift_clock(superuser, "80 days")
    assert drop() == []


def test_one_call_drops_one_partition(admin: Connection, superuser: Connection) -> None:
    keep(admin, "keep_history", "1 day")
    shift_clock(superuser, "10 days")
    before = {table: _days(superuser, table) for table in KINDS}
    name = value(superuser, "select dreamlit._drop_old_partition()")
    before[name[:-9]].remove(name[-8:])
    assert {table: _days(superuser, table) for table in KINDS} == before


@pytest.mark.parametrize("state", ["queued", "sending", "held", "uncertain"])
def test_a_day_of_messages_with_an_open_one_stays(
    run: Run, admin: Connection, me: Sender, superuser: Connection, drop: Drop, state: str
) -> None:
    run({**email(), "when_uncertain": "hold"})
    if state == "held":
        admin.execute("select dreamlit.set_sandbox('hello', true)")
    if state == "sending":
        me.report(me.claim()[0], "started")
    if state == "uncertain":
        me.deliver(me.claim()[0], "failed", fault="unknown")
    keep(admin, "keep_history", "1 day")
    shift_clock(superuser, "10 days")
    assert "_run_history" in drop()
    assert _day(superuser) in _days(superuser, "_messages")
    assert column(superuser, "select state from dreamlit.messages") == [state]


def test_another_days_open_message_keeps_no_day(
    run: Run, app: Connection, admin: Connection, me: Sender, superuser: Connection, drop: Drop
) -> None:
    run(email())
    me.deliver(me.claim()[0])
    old = _day(superuser)
    keep(admin, "keep_messages", "1 day")
    shift_clock(superuser, "10 days")
    superuser.execute("select dreamlit._ensure_partitions()")
    add_user(app, "late")
    work(superuser)
    # One who began earlier and committed later: an id of today among those of the old day.
    superuser.execute(
        "with gone as (delete from pgmq.q_dreamlit_email_urgent returning *)"
        " insert into pgmq.q_dreamlit_email_urgent (msg_id, vt, message) overriding system value"
        " select (select min(message_id) from dreamlit.messages), g.vt, g.message from gone as g"
    )
    drop()
    assert old not in _days(superuser, "_messages")


def test_it_goes_when_the_message_is_settled(
    run: Run, admin: Connection, me: Sender, superuser: Connection, drop: Drop
) -> None:
    run(email())
    me.deliver(me.claim()[0])
    keep(admin, "keep_messages", "1 day")
    shift_clock(superuser, "10 days")
    drop()
    assert value(superuser, "select count(*) from dreamlit.messages") == 0
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_the_contents_go_early_and_the_counts_stay(
    run: Run, admin: Connection, me: Sender, superuser: Connection, drop: Drop, reader: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0])
    keep(admin, "keep_messages", "1 day")
    shift_clock(superuser, "10 days")
    drop()
    (left,) = rows(reader, "select done_tasks, messages from dreamlit.runs")
    assert left == {"done_tasks": 1, "messages": None}
    assert column(reader, "select outcome from dreamlit.attempts") == ["sent"]
    assert value(reader, "select count(*) from dreamlit.activity where what = 'delivery'") == 1


# Beside others


def test_a_table_that_somebody_reads_is_left_for_later_and_the_others_go(
    admin: Connection, connect: Connect, superuser: Connection, drop: Drop
) -> None:
    keep(admin, "keep_history", "1 day")
    shift_clock(superuser, "10 days")
    reader = connect("superuser", autocommit=False)
    reader.execute("select count(*) from dreamlit._messages")
    assert set(drop()) == set(KINDS) - {"_messages"}
    reader.rollback()
    assert set(drop()) == {"_messages"}


def test_a_table_in_use_is_asked_for_once_a_call(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    keep(admin, "keep_runs", "1 day")
    shift_clock(superuser, "20 days")
    superuser.execute("select dreamlit._ensure_partitions()")  # days before it, which are old too
    for ago in range(2, 8):
        day = value(superuser, "select to_char(now() - make_interval(days => %s), 'YYYYMMDD')", ago)
        superuser.execute(
            f"create table dreamlit._run_history_{day} (like dreamlit._run_history including all)"
        )
        superuser.execute(
            f"alter table dreamlit._run_history attach partition dreamlit._run_history_{day}"
            f" for values from ('{day} 00:00+00') to ('{day} 24:00+00')"
        )
    reader = connect("superuser", autocommit=False)
    reader.execute("select count(*) from dreamlit._run_history")
    notices: list[str] = []
    superuser.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    superuser.execute("set log_min_messages = log")
    superuser.execute("set deadlock_timeout = '10ms'")
    superuser.execute("set log_lock_waits = on")
    superuser.execute("set client_min_messages = log")
    assert value(superuser, "select dreamlit._drop_old_partition()") is None
    waits = [notice for notice in notices if "still waiting for AccessExclusiveLock" in notice]
    assert len(waits) == 1


def test_who_writes_history_waits_for_no_reader(
    run: Run, admin: Connection, connect: Connect, me: Sender, superuser: Connection
) -> None:
    run(email())
    keep(admin, "keep_history", "1 day")
    shift_clock(superuser, "10 days")
    reader, dropper = connect("superuser", autocommit=False), connect("superuser")
    reader.execute("select count(*) from dreamlit._run_history")
    with ThreadPoolExecutor(1) as pool:
        dropping = pool.submit(_drop_all, dropper)
        me.deliver(me.claim()[0])
        dropping.result()
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def _drop_all(connection: Connection) -> None:
    while value(connection, "select dreamlit._drop_old_partition()") is not None:
        pass


def test_dropping_locks_the_one_table_and_nothing_else(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    keep(admin, "keep_attempts", "1 day")
    shift_clock(superuser, "10 days")
    dropper = connect("superuser", autocommit=False)
    dropper.execute("select dreamlit._drop_old_partition()")
    strong = column(
        superuser,
        "select distinct c.relname from pg_locks as l join pg_class as c on c.oid = l.relation"
        " where l.pid = %s and l.mode = 'AccessExclusiveLock' and c.relkind in ('r', 'p')",
        dropper.info.backend_pid,
    )
    assert "_attempts" in strong
    assert [name for name in strong if not name.startswith("_attempts")] == []
    dropper.rollback()


def test_a_publisher_is_not_held_up_by_a_drop(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    keep(admin, "keep_attempts", "1 day")
    admin.execute("create table public.things (id integer)")
    shift_clock(superuser, "10 days")
    dropper = connect("superuser", autocommit=False)
    dropper.execute("select dreamlit._drop_old_partition()")
    admin.execute("set lock_timeout = '5s'")
    admin.execute("insert into public.things values (1)")
    admin.execute("alter table public.things add column more integer")
    dropper.rollback()


# The chore


def _due(superuser: Connection, *chores: str) -> None:
    superuser.execute("update dreamlit._chores set due_at = clock_timestamp() + every / 2")
    superuser.execute(
        "update dreamlit._chores set due_at = '-infinity' where chore = any (%s)", [list(chores)]
    )


def test_the_worker_drops_one_day_after_the_other(admin: Connection, superuser: Connection) -> None:
    keep(admin, "keep_runs", "1 day")
    shift_clock(superuser, "10 days")
    _due(superuser, "drop partitions")
    old = [day for day in _days(superuser, "_run_history") if day < _day(superuser, 9)]
    assert len(old) > 1
    for gone in range(1, len(old) + 1):
        superuser.execute("select dreamlit._housekeep()")
        left = [day for day in _days(superuser, "_run_history") if day < _day(superuser, 9)]
        assert len(left) == len(old) - gone
    superuser.execute("select dreamlit._housekeep()")
    assert value(
        superuser, "select due_at > clock_timestamp() from dreamlit._chores where chore = 'drop partitions'"
    )


def test_a_chore_that_fails_does_not_keep_the_others_from_being_done(superuser: Connection) -> None:
    superuser.execute(
        "create or replace function dreamlit._reap() returns integer language sql as 'select 1 / 0'"
    )
    _due(superuser, "reap", "drop versions", "hold")
    warnings: list[str] = []
    superuser.add_notice_handler(lambda notice: warnings.append(notice.message_primary or ""))
    work(superuser, 3)
    assert (
        value(
            superuser,
            "select count(*) from dreamlit._chores where due_at <= clock_timestamp() - interval '1 day'",
        )
        == 0
    )
    assert any("chore reap: division by zero" in warning for warning in warnings)


def test_a_chore_that_somebody_does_is_left_to_him(connect: Connect, superuser: Connection) -> None:
    _due(superuser, "reap")
    busy = connect("superuser", autocommit=False)
    busy.execute("select dreamlit._housekeep()")
    superuser.execute("set lock_timeout = '5s'")
    superuser.execute("select dreamlit._housekeep()")  # returns at once, with nothing to do
    busy.rollback()


def test_partitions_are_made_for_the_days_to_come(superuser: Connection) -> None:
    shift_clock(superuser, "9 days")
    work(superuser)
    for table in KINDS:
        assert _day(superuser, 10) in _days(superuser, table)


def test_two_sessions_make_the_days_to_come_once(connect: Connect, superuser: Connection) -> None:
    shift_clock(superuser, "9 days")
    first, second = connect("superuser", autocommit=False), connect("superuser")
    first.execute("select dreamlit._ensure_partitions()")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(value, second, "select dreamlit._ensure_partitions()")
        wait_for_lock(superuser, second)
        first.commit()
        assert waiting.result() == 0


def test_a_reader_of_history_is_not_held_up_by_new_days(connect: Connect, superuser: Connection) -> None:
    shift_clock(superuser, "9 days")
    maker, reader = connect("superuser", autocommit=False), connect("superuser")
    maker.execute("select dreamlit._ensure_partitions()")
    reader.execute("set lock_timeout = '5s'")
    reader.execute("select count(*) from dreamlit._messages")
    reader.execute("select count(*) from dreamlit.activity where at > now()")
    maker.rollback()


def test_a_setting_that_keeps_nothing_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        keep(admin, "keep_runs", "0 days")
    assert caught.value.sqlstate == "DL001"


def test_the_drop_gives_up_while_a_reader_stays_and_does_not_hold_up_a_second_reader(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    keep(admin, "keep_runs", "1 day")
    shift_clock(superuser, "10 days")
    reader, dropper, second = (
        connect("superuser", autocommit=False),
        connect("superuser"),
        connect("superuser"),
    )
    reader.execute("select count(*) from dreamlit._run_history")
    with ThreadPoolExecutor(1) as pool:
        dropping = pool.submit(value, dropper, "select dreamlit._drop_old_partition()")
        second.execute("select count(*) from dreamlit._run_history")
        assert dropping.result() is None
    wait_until(
        lambda: (
            not value(
                superuser,
                "select count(*) from pg_locks where pid = %s and mode = 'AccessExclusiveLock'",
                dropper.info.backend_pid,
            )
        )
    )

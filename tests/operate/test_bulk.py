"""retry_failed, rerun_runs and cancel_runs: many runs by what they have in common."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    column,
    email,
    let_unused_versions_go,
    publish,
    rows,
    shift_clock,
    value,
    wait_for_lock,
    work,
    workflow,
)

from .conftest import Run, Sender

NAP = {"id": "nap", "wait": "1 day"}
RATE = {"id": "rate", "query": "select 100 / r.rate as x from public.rates r", "attempts": 1}
MANY = 2000


@pytest.fixture
def rates(admin: Connection) -> Connection:
    """A table with a zero that somebody will mend."""
    admin.execute("create table public.rates (rate int)")
    admin.execute("insert into public.rates values (0)")
    return admin


def retry(connection: Connection, **arguments: object) -> dict[str, Any]:
    return _call(connection, "retry_failed", arguments)


def rerun(connection: Connection, **arguments: object) -> dict[str, Any]:
    return _call(connection, "rerun_runs", {"workflow": "hello", **arguments})


def cancel(connection: Connection, **arguments: object) -> dict[str, Any]:
    return _call(connection, "cancel_runs", arguments)


def _call(connection: Connection, function: str, arguments: dict[str, object]) -> dict[str, Any]:
    """Counted first: a dry run says what then happens."""
    named = ", ".join(f"{name} => %s" for name in arguments)
    query = f"select * from dreamlit.{function}({named}{', ' if named else ''}dry_run => %s)"
    (counted,) = rows(connection, query, *arguments.values(), True)
    (done,) = rows(connection, query, *arguments.values(), False)
    assert counted == done
    return done


def _mend(rates: Connection) -> None:
    rates.execute("update public.rates set rate = 5")


# retry_failed


def test_a_dry_run_changes_nothing(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE, users=3)
    query = "select runs, tasks from dreamlit.retry_failed('hello', dry_run => true)"
    assert rows(rates, query) == [{"runs": 3, "tasks": 3}]
    assert column(superuser, "select state from dreamlit.runs") == ["failed"] * 3
    assert value(superuser, "select count(*) from dreamlit._audit_log where action = 'retry run'") == 0


def test_all_failed_runs_of_a_workflow_are_resumed(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run(RATE, users=3)
    _mend(rates)
    assert retry(rates, workflow="hello") == {"runs": 3, "tasks": 3, "retired": 0}
    work(superuser)
    assert column(superuser, "select state from dreamlit.runs") == ["done"] * 3


def test_another_workflows_failures_stay(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE)
    publish(rates, workflow(NAP, name="other"))
    assert retry(rates, workflow="other")["runs"] == 0
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]


def test_without_a_workflow_a_time_is_enough(run: Run, rates: Connection) -> None:
    run(RATE, users=2)
    assert retry(rates, since="2000-01-01")["runs"] == 2


def test_times_choose_runs_by_when_they_started(
    run: Run, rates: Connection, app: Connection, superuser: Connection
) -> None:
    run(RATE)
    shift_clock(superuser, "3 hours")
    add_user(app, "late")
    work(superuser, 2)
    middle = value(superuser, "select dreamlit._now() - interval '1 hour'")
    assert retry(rates, workflow="hello", until=middle)["runs"] == 1
    assert column(superuser, "select run_id from dreamlit.runs where state = 'running'") == [1]
    assert retry(rates, workflow="hello", since=middle)["runs"] == 1
    assert column(superuser, "select run_id from dreamlit.runs where state = 'running' order by 1") == [1, 2]


@pytest.mark.parametrize("function", ["retry_failed", "cancel_runs"])
def test_neither_a_workflow_nor_a_time_is_refused(admin: Connection, function: str) -> None:
    with pytest.raises(psycopg.Error, match="neither a workflow nor a time") as caught:
        admin.execute(f"select * from dreamlit.{function}()".encode())
    assert caught.value.sqlstate == "DL001"
    assert caught.value.diag.message_hint


@pytest.mark.parametrize("function", ["retry_failed", "cancel_runs", "rerun_runs"])
def test_an_unknown_workflow_is_refused(admin: Connection, function: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        admin.execute(f"select * from dreamlit.{function}('helo')".encode())
    assert caught.value.sqlstate == "DL002"


@pytest.mark.parametrize("function", ["retry_failed", "cancel_runs", "rerun_runs"])
def test_a_reader_may_not(run: Run, reader: Connection, function: str) -> None:
    run(NAP)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(f"select * from dreamlit.{function}('hello')".encode())


def test_two_thousand_failed_runs_are_resumed_in_sets(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run(RATE, users=MANY)
    _mend(rates)
    assert retry(rates, workflow="hello") == {"runs": MANY, "tasks": MANY, "retired": 0}
    work(superuser, 2)
    assert rows(superuser, "select state, count(*) from dreamlit.runs group by 1") == [
        {"state": "done", "count": MANY}
    ]


def test_of_several_failed_runs_with_one_key_the_first_is_resumed(
    run: Run, rates: Connection, app: Connection, superuser: Connection
) -> None:
    run(RATE, users=0, key="new.plan")
    for name in ("ann", "bob"):
        add_user(app, name, plan="pro")
        work(superuser, 2)
    assert retry(rates, workflow="hello") == {"runs": 1, "tasks": 1, "retired": 0}
    assert column(superuser, "select state from dreamlit.runs order by run_id") == ["running", "failed"]


def test_a_failed_run_whose_key_is_open_again_stays(
    run: Run, rates: Connection, app: Connection, superuser: Connection
) -> None:
    run(RATE, {**NAP, "after": "trigger", "if": "trigger.visits = 1"}, users=0, key="new.plan")
    add_user(app, "ann", plan="pro", visits=0)
    work(superuser, 2)
    add_user(app, "bob", plan="pro", visits=1)
    add_user(app, "cid", plan="free", visits=0)
    work(superuser, 2)
    assert retry(rates, workflow="hello")["runs"] == 2
    assert rows(superuser, "select key, state from dreamlit.runs order by key desc, run_id") == [
        {"key": "pro", "state": "failed"},
        {"key": "pro", "state": "running"},
        {"key": "free", "state": "running"},
    ]


def test_runs_of_a_retired_version_are_counted_and_left(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run(RATE)
    publish(rates, workflow({**RATE, "attempts": 2}))
    rates.execute("select dreamlit.set_setting('keep_failed_versions', '\"1 second\"')")
    shift_clock(superuser, "1 day")
    let_unused_versions_go(superuser)
    assert retry(rates, workflow="hello") == {"runs": 0, "tasks": 0, "retired": 1}


def test_an_erased_run_is_not_resumed(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE, email(), users=2)
    rates.execute("select dreamlit.erase_person('user1@example.com')")
    assert retry(rates, workflow="hello") == {"runs": 1, "tasks": 1, "retired": 0}
    assert column(superuser, "select state from dreamlit.runs order by run_id") == ["failed", "running"]


def test_a_run_whose_failed_tasks_are_kept_no_longer_is_not_opened_again(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run(RATE)
    rates.execute("select dreamlit.set_setting('keep_tasks', '\"1 day\"')")
    shift_clock(superuser, "3 days")
    while value(superuser, "select dreamlit._drop_old_partition()"):
        pass
    assert retry(rates, workflow="hello")["runs"] == 0
    with pytest.raises(psycopg.Error) as caught:
        rates.execute("select dreamlit.retry_run(1)")
    assert caught.value.sqlstate == "DL003"
    assert value(superuser, "select count(*) from dreamlit._runs") == 0


def test_two_retries_at_once_resume_each_task_once(
    run: Run, rates: Connection, connect: Connect, superuser: Connection
) -> None:
    run(RATE, users=5)
    first, second = connect("admin", autocommit=False), connect("admin")
    first.execute("select * from dreamlit.retry_failed('hello')")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rows, second, "select * from dreamlit.retry_failed('hello')")
        wait_for_lock(superuser, second)
        first.commit()
        assert waiting.result()[0]["tasks"] == 0
    assert rows(superuser, "select distinct open_tasks, failed_tasks from dreamlit._runs") == [
        {"open_tasks": 1, "failed_tasks": 0}
    ]
    assert value(superuser, "select count(*) from dreamlit._tasks") == 5


# rerun_runs


def test_failed_runs_start_afresh_and_stay_as_they_are(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run(RATE, users=2)
    _mend(rates)
    assert rerun(rates) == {"runs": 2, "unfit": 0}
    work(superuser, 2)
    assert (
        column(superuser, "select state from dreamlit.runs order by run_id") == ["failed"] * 2 + ["done"] * 2
    )


def test_states_choose_what_starts_afresh(run: Run, admin: Connection, superuser: Connection) -> None:
    run({**email(), "if": "trigger.visits = 1"}, users=3)
    assert rerun(admin, states=["done"])["runs"] == 2
    assert rerun(admin, states=["running"])["runs"] == 1
    assert rerun(admin, states=["failed", "cancelled"])["runs"] == 0


def test_an_unknown_state_is_refused(run: Run, admin: Connection) -> None:
    run(NAP)
    with pytest.raises(psycopg.Error, match="sleeping") as caught:
        admin.execute("select * from dreamlit.rerun_runs('hello', array['sleeping'])")
    assert caught.value.sqlstate == "DL001"


def test_what_does_not_fit_the_version_is_counted(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE, users=2)
    publish(rates, workflow({**email(), "if": "trigger.visits > 0"}))
    assert rerun(rates) == {"runs": 0, "unfit": 2}
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0


def test_two_thousand_events_are_queued_in_few_messages(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run({**email(), "if": "false"}, users=MANY)
    assert rerun(admin, states=["done"])["runs"] == MANY
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == MANY // 500
    work(superuser, 2)
    assert value(superuser, "select count(*) from dreamlit.runs") == 2 * MANY


def test_of_several_runs_with_one_key_one_starts_and_the_others_are_logged(
    run: Run, app: Connection, rates: Connection, superuser: Connection
) -> None:
    run(RATE, users=0, key="new.plan")
    for name in ("ann", "bob"):
        add_user(app, name, plan="pro")
        work(superuser, 2)
    publish(rates, workflow(NAP, key="new.plan"))
    assert rerun(rates)["runs"] == 2
    work(superuser)
    assert column(superuser, "select state from dreamlit.runs where version = 2") == ["running"]
    assert value(superuser, "select count(*) from dreamlit.event_log where ignored_because is not null") == 1


def test_a_bulk_rerun_is_logged_once(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE, users=3)
    rerun(rates)
    (line,) = rows(superuser, "select actor, detail from dreamlit._audit_log where action = 'rerun runs'")
    assert line == {"actor": "tests_admin", "detail": {"runs": 3, "version": 1}}


# cancel_runs


def test_all_open_runs_of_a_workflow_are_cancelled_with_their_messages(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), users=3)
    me.deliver(me.claim(1)[0])
    assert cancel(admin, workflow="hello") == {"runs": 2, "messages": 2}
    assert rows(superuser, "select state, count(*) from dreamlit.messages group by 1 order by 1") == [
        {"state": "cancelled", "count": 2},
        {"state": "sent", "count": 1},
    ]


def test_a_delivery_that_has_begun_is_not_counted_as_cancelled(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), users=2)
    (claimed,) = me.claim(1)
    me.report(claimed, "started")
    assert cancel(admin, workflow="hello") == {"runs": 2, "messages": 1}
    assert me.report(claimed, "sent") == "sent"
    assert column(superuser, "select state from dreamlit.runs") == ["cancelled"] * 2


def test_finished_runs_stay_as_they_are(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE)
    assert cancel(rates, workflow="hello")["runs"] == 0
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]


def test_two_thousand_runs_are_cancelled(run: Run, admin: Connection, superuser: Connection) -> None:
    run(NAP, users=MANY, passes=1)
    assert cancel(admin, workflow="hello") == {"runs": MANY, "messages": 0}
    assert value(superuser, "select count(*) from dreamlit.runs where state = 'cancelled'") == MANY
    assert value(superuser, "select count(*) from dreamlit._tasks") == 0


def test_two_cancellings_at_once_end_each_run_once(run: Run, connect: Connect, superuser: Connection) -> None:
    run(NAP, users=5, passes=1)
    first, second = connect("admin", autocommit=False), connect("admin")
    first.execute("select * from dreamlit.cancel_runs('hello')")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rows, second, "select * from dreamlit.cancel_runs('hello')")
        wait_for_lock(superuser, second)
        first.commit()
        waiting.result()
    assert column(superuser, "select state from dreamlit.runs") == ["cancelled"] * 5
    assert value(superuser, "select count(*) from dreamlit._run_history") == 5

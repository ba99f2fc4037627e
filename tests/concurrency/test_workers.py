"""Several workers, workers that die, workers that must make way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import (
    Connection,
    add_users,
    column,
    email,
    publish,
    rows,
    value,
    wait_until,
    work,
    workflow,
)

from .conftest import Run, states

Connect = Callable[..., Connection]
STEPS = ({"id": "each", "query": "select n from generate_series(1, 2) as n"}, email())


def _locks(connection: Connection) -> None:
    connection.execute("select pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('install'))")


def _all_there(superuser: Connection, runs: int) -> None:
    assert value(superuser, "select count(*) from dreamlit.runs") == runs
    assert value(superuser, "select count(distinct payload) from dreamlit.runs") == runs
    assert value(superuser, "select count(*) from dreamlit.messages") == 2 * runs
    assert (
        value(superuser, "select max(n) from (select count(*) n from dreamlit.messages group by run_id) m")
        == 2
    )
    assert set(column(superuser, "select open_tasks from dreamlit.runs")) == {2}
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0


def test_two_workers_at_once_double_nothing(run: Run, connect: Connect, superuser: Connection) -> None:
    run(*STEPS, users=0)
    superuser.execute(
        "insert into public.users (email, visits) select 'u@x.org', n from generate_series(1, 600) n"
    )
    for n in range(60):
        superuser.execute("insert into public.users (email, visits) values ('u@x.org', %s)", [-n])
    workers = [connect("superuser") for _ in range(4)]
    start = threading.Barrier(len(workers))

    def drain(worker: Connection) -> None:
        start.wait()
        work(worker, 6)

    superuser.execute("select dreamlit.set_setting('batch', '50')")
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(drain, workers))
    work(superuser, 30)
    _all_there(superuser, 660)


def test_two_workers_and_two_senders_at_once_double_nothing(
    run: Run, connect: Connect, me: Any, other: Any, superuser: Connection
) -> None:
    run(*STEPS, email("last"), users=100, passes=0)
    stop = threading.Event()

    def serve(sender: Any) -> int:
        sent = 0
        while not stop.is_set():
            claimed = sender.claim(20)
            answers = sender.report_all(claimed, "started")
            go = {row["message_id"] for row in answers if row["state"] == "sending"}
            sender.report_all([row for row in claimed if row["message_id"] in go], "sent")
            sent += len(go)
        return sent

    def labour(worker: Connection) -> None:
        while not stop.is_set():
            work(worker)

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(labour, connect("superuser")) for _ in range(2)]
        sends: list[Future[int]] = [pool.submit(serve, sender) for sender in (me, other)]
        try:
            wait_until(lambda: value(superuser, "select count(*) from dreamlit._run_history") == 100)
        finally:
            stop.set()
        for job in jobs:
            job.result(timeout=30)
        assert sum(send.result(timeout=30) for send in sends) == 400
    assert value(superuser, "select count(*) from dreamlit._attempts") == 400
    assert set(column(superuser, "select state from dreamlit.runs")) == {"done"}


def test_a_second_worker_goes_on_while_a_long_query_holds_up_the_first(
    run: Run, connect: Connect, admin: Connection, app: Connection, superuser: Connection
) -> None:
    run(
        {"id": "slow", "query": "select pg_sleep(300 + 0 * trigger.user_id)::text as x"},
        users=0,
        when="new.name = 'slow'",
    )
    publish(admin, workflow(email(), name="quick", when="new.name = 'quick'"))
    sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and query like 'call%' and state = 'active'"
    held = (
        "select count(*) from pg_locks where locktype = 'relation' and relation = 'dreamlit._tasks'::regclass"
    )
    workers = [connect("superuser") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(worker.execute, "call dreamlit.work(60)") for worker in workers]
        try:
            wait_until(lambda: value(superuser, sleeping) == 2)
            app.execute("insert into public.users (name, email) values ('slow', 'a@example.com')")
            wait_until(lambda: value(superuser, held) > 0)
            app.execute("insert into public.users (name, email) values ('quick', 'b@example.com')")
            wait_until(
                lambda: column(superuser, "select recipient from dreamlit.messages") == ["b@example.com"]
            )
            assert (
                value(superuser, "select count(*) from dreamlit.tasks where step = 'slow' and state = 'due'")
                == 1
            )
        finally:
            for worker in workers:
                superuser.execute("select pg_terminate_backend(%s)", [worker.info.backend_pid])
            for worked in working:
                assert isinstance(worked.exception(30), psycopg.Error)


def test_of_idle_workers_one_looks_often_and_the_others_stand_by(superuser: Connection) -> None:
    superuser.execute(
        "insert into dreamlit._workers (worker, started_at, last_tick_at) values"
        " ('work:1', clock_timestamp() - interval '1 minute', clock_timestamp() + interval '1 hour'),"
        " ('work:2', clock_timestamp(), clock_timestamp())"
    )
    assert value(superuser, "select dreamlit._nap('work:1', 1)") == 0.02
    assert value(superuser, "select dreamlit._nap('work:1', 600)") == 0.1
    assert value(superuser, "select dreamlit._nap('work:1', 1000)") == 0.25
    assert value(superuser, "select dreamlit._nap('work:2', 1)") == 0.02  # the elder does not show itself
    superuser.execute("update dreamlit._workers set last_tick_at = clock_timestamp() where worker = 'work:1'")
    assert value(superuser, "select dreamlit._nap('work:2', 1)") == 0.5


@pytest.mark.parametrize("unit", ["launch", "each", "tell"])
def test_a_worker_killed_in_the_middle_of_its_batch_loses_nothing(
    run: Run, connect: Connect, superuser: Connection, unit: str
) -> None:
    run(*STEPS, users=50, passes=0)
    victim = connect("superuser", autocommit=False)
    if unit != "launch":
        superuser.execute("select dreamlit._launch_runs()")
    if unit == "tell":
        superuser.execute("select dreamlit._advance(step_id) from dreamlit._steps where name = 'each'")
    if unit == "launch":
        victim.execute("select dreamlit._launch_runs()")
    else:
        victim.execute("select dreamlit._advance(step_id) from dreamlit._steps where name = %s", [unit])
    pid = victim.info.backend_pid
    superuser.execute("select pg_terminate_backend(%s)", [pid])
    wait_until(lambda: value(superuser, "select count(*) from pg_stat_activity where pid = %s", pid) == 0)
    work(superuser, 3)
    _all_there(superuser, 50)


def test_a_worker_killed_between_a_run_and_its_message_loses_nothing(
    run: Run, connect: Connect, superuser: Connection
) -> None:
    run(email(), users=50, passes=0)
    victim = connect("superuser", autocommit=False)
    victim.execute("select dreamlit._launch_runs(p_at_once => true)")
    pid = victim.info.backend_pid
    superuser.execute("select pg_terminate_backend(%s)", [pid])
    wait_until(lambda: value(superuser, "select count(*) from pg_stat_activity where pid = %s", pid) == 0)
    assert value(superuser, "select count(*) from dreamlit.runs") == 0
    work(superuser)
    assert value(superuser, "select count(distinct run_id) from dreamlit.messages") == 50
    assert value(superuser, "select count(*) from dreamlit.messages") == 50


def test_a_worker_killed_in_its_loop_loses_nothing(run: Run, connect: Connect, superuser: Connection) -> None:
    run(*STEPS, users=0)
    superuser.execute("select dreamlit.set_setting('batch', '20')")
    for _ in range(3):
        victim = connect("superuser")
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(victim.execute, "call dreamlit.work(600)")
            done = value(superuser, "select count(*) from dreamlit.messages")
            add_users(superuser, 100)
            wait_until(lambda done=done: value(superuser, "select count(*) from dreamlit.messages") > done)  # type: ignore[misc]
            superuser.execute("select pg_terminate_backend(%s)", [victim.info.backend_pid])
            with pytest.raises(psycopg.OperationalError):
                working.result(timeout=30)
    work(superuser, 60)
    assert value(superuser, "select count(*) from dreamlit.runs") == 300
    assert value(superuser, "select count(*) from dreamlit.messages") == 600
    assert column(
        superuser, "select max(n) from (select count(*) n from dreamlit.messages group by run_id) m"
    ) == [2]


def test_a_worker_does_not_wait_for_tasks_that_another_holds(
    run: Run, connect: Connect, superuser: Connection
) -> None:
    run(email(), users=10, passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    slow = connect("superuser", autocommit=False)
    slow.execute("select dreamlit._advance(step_id, 4) from dreamlit._steps where name = 'tell'")
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.messages") == 6
    slow.commit()
    assert value(superuser, "select count(*) from dreamlit.messages") == 10


def test_a_late_commit_is_not_skipped(run: Run, connect: Connect, superuser: Connection) -> None:
    run(email(), users=0)
    late = connect("app", autocommit=False)
    late.execute("insert into public.users (email) values ('late@x.org')")
    superuser.execute("insert into public.users (email) values ('early@x.org')")
    work(superuser)
    late.commit()
    work(superuser)
    assert column(superuser, "select recipient from dreamlit.messages order by 1") == [
        "early@x.org",
        "late@x.org",
    ]


# Making way


def test_a_worker_ends_when_an_installation_waits(run: Run, connect: Connect, superuser: Connection) -> None:
    run(email())
    worker, installer = connect("superuser"), connect("superuser", autocommit=False)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(worker.execute, "call dreamlit.work(600)")
        wait_until(
            lambda: value(
                superuser,
                "select wait_event = 'PgSleep' from pg_stat_activity where pid = %s",
                worker.info.backend_pid,
            )
        )
        _locks(installer)
        working.result(timeout=30)
        installer.rollback()


def test_a_worker_does_not_begin_while_an_installation_is_under_way(
    run: Run, connect: Connect, superuser: Connection
) -> None:
    run(email(), passes=0)
    installer = connect("superuser", autocommit=False)
    _locks(installer)
    superuser.execute("call dreamlit.work(600)")
    assert value(superuser, "select count(*) from dreamlit.runs") == 0
    installer.rollback()


def test_a_tick_does_nothing_while_an_installation_is_under_way(
    run: Run, connect: Connect, sender: Connection, superuser: Connection
) -> None:
    run(email(), passes=0)
    installer = connect("superuser", autocommit=False)
    _locks(installer)
    assert value(sender, "select moved from dreamlit.tick('me')") == 0
    installer.rollback()
    assert value(sender, "select moved from dreamlit.tick('me')") > 0


def test_a_worker_sleeps_between_transactions_not_in_one(
    run: Run, connect: Connect, superuser: Connection
) -> None:
    """A snapshot that lived as long as the loop would keep every dead row of the host from being removed."""
    run(email())
    worker = connect("superuser")
    seen: set[object] = set()
    query = "select xact_start from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(worker.execute, "call dreamlit.work(600)")

        def naps() -> bool:
            found = value(superuser, query, worker.info.backend_pid)
            seen.update([found] if found else [])
            return len(seen) >= 3

        wait_until(naps)
        superuser.execute("select pg_terminate_backend(%s)", [worker.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            working.result(timeout=30)


def test_a_worker_works_as_a_member_of_admin(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email(), passes=0)
    work(admin, 2)
    assert states(superuser, "tell") == ["sending"]


def test_a_workers_time_ends_within_a_statement_timeout(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run(email(), passes=0)
    admin.execute("set statement_timeout = '2s'")
    admin.execute("call dreamlit.work(600)")
    assert states(superuser, "tell") == ["sending"]


def test_a_tick_moves_what_is_due_and_says_when_to_come_again(
    run: Run, sender: Connection, superuser: Connection
) -> None:
    run(*STEPS, users=3, passes=0)
    moved = [rows(sender, "select moved, nap from dreamlit.tick('me')")[0] for _ in range(4)]
    assert value(superuser, "select count(*) from dreamlit.messages") == 6
    assert moved[0]["moved"] > 0
    assert moved[0]["nap"].total_seconds() == 0
    assert moved[-1]["moved"] == 0
    assert moved[-1]["nap"].total_seconds() > 0


def test_a_tick_leaves_the_work_to_a_worker_on_duty(
    run: Run, sender: Connection, superuser: Connection
) -> None:
    run(email(), users=0)
    add_users(superuser, 2)
    (found,) = rows(sender, "select moved, nap from dreamlit.tick('me')")
    assert (found["moved"], found["nap"].total_seconds()) == (0, 2.0)


def test_publishing_while_workers_run_loses_no_event(
    run: Run, admin: Connection, app: Connection, connect: Connect, superuser: Connection
) -> None:
    run(email(), users=0)
    worker = connect("superuser")
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(worker.execute, "call dreamlit.work(600)")
        for n in range(8):
            add_users(app, 5)
            publish(admin, workflow(email(to=f"v{n}@x.org")))
        add_users(app, 5)
        wait_until(lambda: value(superuser, "select count(*) from dreamlit.messages") == 45)
        superuser.execute("select pg_terminate_backend(%s)", [worker.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            working.result(timeout=30)
    assert value(superuser, "select count(*) from dreamlit.runs") == 45
    assert set(column(superuser, "select last_error from dreamlit._workers")) == {None}


def test_a_plan_made_over_empty_tables_never_reads_them_whole(
    run: Run, superuser: Connection, sender: Connection
) -> None:
    """Sessions keep their plans; what was empty when one was made holds a million rows an hour later."""
    watched = "('_tasks', '_runs', 'q_dreamlit_events', 'q_dreamlit_email_urgent')"
    read_whole = (
        f"select relname::text from pg_stat_xact_user_tables where seq_scan > 0 and relname in {watched}"
    )
    run(email(), users=0)
    superuser.execute(
        "vacuum (analyze) dreamlit._tasks, dreamlit._runs, pgmq.q_dreamlit_events, pgmq.q_dreamlit_email_urgent"
    )
    for _ in range(6):
        superuser.execute("call dreamlit.work(0)")
        sender.execute("select dreamlit.claim('email', 'me', 10)")
    add_users(superuser, 2000)  # more than what is planned at each call would read whole
    for connection in (superuser, sender):  # what these views show begins with the last flush
        connection.execute("select pg_stat_force_next_flush()")
    with superuser.transaction():
        superuser.execute("select dreamlit._launch_runs()")
        superuser.execute(
            "select dreamlit._advance(s.step_id) from unnest(dreamlit._due_steps()) as s(step_id)"
        )
        assert column(superuser, read_whole) == []
    with sender.transaction():
        claimed = rows(sender, "select * from dreamlit.claim('email', 'me', 10)")
        for outcome in ("started", "sent"):
            told = [{"message_id": row["message_id"], "attempt": 1, "outcome": outcome} for row in claimed]
            sender.execute("select dreamlit.report('me', %s)", [Jsonb(told)])
        assert column(sender, read_whole) == []
    assert len(claimed) == 10

"""What a DBA sees."""

from __future__ import annotations

from tests.helpers import Connection, email, rows, shift_clock, slack, value, work

from .conftest import Run, Sender


def _health(reader: Connection, name: str) -> dict[str, object]:
    (found,) = rows(
        reader, "select state, number, seconds, detail from dreamlit.health where name = %s", name
    )
    return found


def test_a_run_shows_what_started_it(run: Run, reader: Connection) -> None:
    run(email())
    (found,) = rows(reader, "select workflow, version, state, started_by, key from dreamlit.runs")
    assert found == {
        "workflow": "hello",
        "version": 1,
        "state": "running",
        "started_by": "insert of public.users",
        "key": None,
    }


def test_a_run_shows_all_that_it_is_doing(run: Run, reader: Connection) -> None:
    run(
        {"id": "each", "query": "select n from generate_series(1, 3) as n"},
        email(),
        {"id": "nap", "after": "trigger", "wait": "1 day"},
        slack(),
        passes=3,
    )
    (found,) = rows(reader, "select doing, open_tasks, done_tasks, messages from dreamlit.runs")
    assert found == {
        "doing": "tell: sending (3 tasks), nap: waiting, team: sending",
        "open_tasks": 5,
        "done_tasks": 1,
        "messages": {"queued": 4},
    }


def test_a_run_counts_its_messages_by_state(run: Run, me: Sender, reader: Connection) -> None:
    run(email(to="a@x.org, b@x.org, c@x.org, d@x.org"))
    one, two, three, _ = me.claim()
    me.deliver(one)
    me.deliver(two, "failed", fault="recipient")
    me.deliver(three, "failed", fault="unknown")
    assert value(reader, "select messages from dreamlit.runs") == {
        "queued": 1,
        "sent": 1,
        "failed": 1,
        "uncertain": 1,
    }


def test_a_finished_run_waits_for_nothing(run: Run, reader: Connection) -> None:
    run({"id": "ask", "if": "true"})
    (found,) = rows(
        reader, "select state, doing, waits_until, finished_at is not null as ended from dreamlit.runs"
    )
    assert found == {"state": "done", "doing": None, "waits_until": None, "ended": True}


def test_failed_runs_are_found_by_their_state(run: Run, reader: Connection) -> None:
    run({"id": "each", "query": "select 1 / (trigger.visits - 2) as n", "attempts": 1}, users=3)
    (found,) = rows(reader, "select payload, last_error from dreamlit.runs where state = 'failed'")
    assert found["last_error"]["message"] == "division by zero"


def test_a_message_shows_its_retry(run: Run, me: Sender, reader: Connection) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="transient", code="451", error="busy")
    (found,) = rows(reader, "select state, attempts, retry_at > now() as later, error from dreamlit.messages")
    assert found == {
        "state": "queued",
        "attempts": 1,
        "later": True,
        "error": {"fault": "transient", "code": "451", "message": "busy"},
    }


def test_a_workflow_shows_its_table_its_publisher_and_its_open_runs(run: Run, reader: Connection) -> None:
    run(email(), users=2)
    (found,) = rows(
        reader,
        "select name, state, version, watches, operations, publisher, open_runs from dreamlit.workflows",
    )
    assert found == {
        "name": "hello",
        "state": "active",
        "version": 1,
        "watches": "public.users",
        "operations": ["insert"],
        "publisher": "tests_admin",
        "open_runs": 2,
    }


# Health


def test_health_is_all_right_while_everything_runs(
    run: Run, me: Sender, superuser: Connection, reader: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0])
    bad = rows(reader, "select name, state from dreamlit.health where state <> 'ok'")
    assert bad == []


def test_health_says_when_no_worker_has_ever_run(reader: Connection) -> None:
    assert _health(reader, "worker")["state"] == "critical"
    assert "no worker has ever run" in str(_health(reader, "worker")["detail"])


def test_health_says_when_no_sender_is_there(reader: Connection) -> None:
    assert _health(reader, "sender")["state"] == "critical"


def test_health_counts_a_long_queue_up_to_a_hundred_thousand(
    superuser: Connection, reader: Connection
) -> None:
    superuser.execute(
        "insert into pgmq.q_dreamlit_email_bulk (vt, message)"
        " select now(), '{\"workflow_id\": 1}' from generate_series(1, 100001)"
    )
    found = _health(reader, "queue email bulk")
    assert (found["number"], found["detail"]) == (100_000, "100000 or more waiting")
    assert _health(reader, "queue email urgent")["detail"] == "0 waiting"


def test_health_counts_what_waits(run: Run, reader: Connection) -> None:
    run(email(), slack(), users=3)
    assert _health(reader, "queue email urgent")["number"] == 3
    assert _health(reader, "queue slack urgent")["number"] == 3
    assert _health(reader, "queue events")["number"] == 0


def test_health_warns_of_a_queue_that_stands_still(
    run: Run, superuser: Connection, reader: Connection
) -> None:
    run(email())
    shift_clock(superuser, "10 minutes")
    assert _health(reader, "queue email urgent")["state"] == "warning"


def test_health_warns_of_overdue_tasks_but_not_of_paused_ones(
    run: Run, admin: Connection, superuser: Connection, reader: Connection
) -> None:
    run(email(), passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    shift_clock(superuser, "10 minutes")
    assert _health(reader, "overdue tasks")["state"] == "warning"
    admin.execute("select dreamlit.pause('hello')")
    assert _health(reader, "overdue tasks")["number"] == 0


def test_health_warns_of_held_messages(run: Run, me: Sender, reader: Connection) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="unknown")
    assert _health(reader, "uncertain messages")["state"] == "warning"
    assert _health(reader, "uncertain messages")["number"] == 1


def test_health_shows_the_workers_last_error(run: Run, superuser: Connection, reader: Connection) -> None:
    run(email())
    superuser.execute("alter table dreamlit._ignored_events rename to gone")
    superuser.execute("insert into public.users (email) values ('a@x.org')")
    work(superuser)
    superuser.execute("alter table dreamlit.gone rename to _ignored_events")
    found = _health(reader, "worker")
    assert found["state"] == "warning"
    assert "_ignored_events" in str(found["detail"])


def test_health_shows_a_snapshot_that_is_held(connect: object, superuser: Connection) -> None:
    held = connect("admin", autocommit=False)  # type: ignore[operator]
    held.execute("set transaction isolation level repeatable read")
    held.execute("select 1")
    superuser.execute("select pg_sleep(1.1)")
    found = _health(superuser, "oldest snapshot")
    assert found["number"] == 1
    assert str(held.info.backend_pid) in str(found["detail"])

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.helpers import Connection, column, email, rows, shift_clock, value, wait_for_lock, work

from .conftest import Run, Sender, states

NAP = {"id": "nap", "wait": "1 day"}


def cancel(connection: Connection) -> str:
    """Cancel the only run."""
    found: str = value(connection, "select dreamlit.cancel_run(1)")
    return found


def _is_cancelled(superuser: Connection) -> None:
    (run,) = rows(superuser, "select state, open_tasks, finished_at from dreamlit.runs")
    assert (run["state"], run["open_tasks"]) == ("cancelled", 0)
    assert run["finished_at"] is not None
    assert value(superuser, "select count(*) from dreamlit._tasks") == 0
    assert value(superuser, "select count(*) from dreamlit._outbox") == 0


@pytest.mark.parametrize("passes", [0, 1])
def test_a_run_that_has_just_started_is_cancelled(
    run: Run, admin: Connection, superuser: Connection, passes: int
) -> None:
    run(NAP, email(), passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    work(superuser, passes)
    assert cancel(admin) == "cancelled"
    _is_cancelled(superuser)


def test_a_waiting_run_never_wakes(run: Run, admin: Connection, superuser: Connection) -> None:
    run(NAP, email())
    assert cancel(admin) == "cancelled"
    shift_clock(superuser, "2 days")
    work(superuser, 2)
    _is_cancelled(superuser)
    assert rows(superuser, "select from dreamlit.messages") == []


def test_a_queued_message_is_not_sent(run: Run, admin: Connection, me: Sender, superuser: Connection) -> None:
    run(email())
    assert cancel(admin) == "cancelled"
    assert me.claim() == []
    assert column(superuser, "select state from dreamlit.messages") == ["cancelled"]
    _is_cancelled(superuser)


def test_a_claimed_message_may_not_leave_any_more(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    assert cancel(admin) == "cancelled"
    assert me.report(claimed, "started") == "lost"
    _is_cancelled(superuser)


def test_a_delivery_that_has_begun_is_left_to_end(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), email("next_"))
    (claimed,) = me.claim()
    me.report(claimed, "started")
    assert cancel(admin) == "cancelled"
    assert column(superuser, "select state from dreamlit.runs") == ["cancelled"]
    assert me.report(claimed, "sent") == "sent"
    work(superuser)
    assert column(superuser, "select state from dreamlit.messages") == ["sent"]
    assert states(superuser, "next_") in ([], ["cancelled"])
    _is_cancelled(superuser)


def test_a_message_that_waits_for_its_next_try_is_cancelled(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="transient")
    cancel(admin)
    _is_cancelled(superuser)


def test_a_transient_failure_after_the_cancelling_is_not_tried_again(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    me.report(claimed, "started")
    cancel(admin)
    me.report(claimed, "failed", fault="transient")
    shift_clock(superuser, "1 hour")
    assert me.claim() == []
    work(superuser)
    _is_cancelled(superuser)


def test_a_held_message_is_cancelled_with_its_run(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="unknown")
    cancel(admin)
    assert column(superuser, "select state from dreamlit.messages") == ["cancelled"]
    assert value(superuser, "select count(*) from dreamlit._held_messages") == 0
    _is_cancelled(superuser)


def test_some_sent_messages_of_a_task_stay_sent(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(to="a@x.org, b@x.org"))
    me.deliver(me.claim(1)[0])
    cancel(admin)
    assert column(superuser, "select state from dreamlit.messages order by message_id") == [
        "sent",
        "cancelled",
    ]
    _is_cancelled(superuser)


def test_all_branches_and_items_are_cancelled(run: Run, admin: Connection, superuser: Connection) -> None:
    run(
        {"id": "each", "query": "select n from generate_series(1, 50) as n"},
        email(),
        {"id": "nap", "after": "trigger", "wait": "1 day"},
    )
    cancel(admin)
    _is_cancelled(superuser)
    assert set(column(superuser, "select state from dreamlit.messages")) == {"cancelled"}


def test_a_run_of_a_paused_workflow_can_be_cancelled(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run(email())
    admin.execute("select dreamlit.pause('hello')")
    cancel(admin)
    _is_cancelled(superuser)


def test_other_runs_go_on(run: Run, admin: Connection, me: Sender, superuser: Connection) -> None:
    run(email(), users=3)
    first = value(superuser, "select min(run_id) from dreamlit.runs")
    admin.execute("select dreamlit.cancel_run(%s)", [first])
    assert len(me.claim()) == 2


def test_a_finished_run_says_how_it_ended(run: Run, admin: Connection, superuser: Connection) -> None:
    run({"id": "ask", "if": "false"})
    assert cancel(admin) == "done"
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_cancelling_twice_is_fine(run: Run, admin: Connection) -> None:
    run(NAP)
    assert [cancel(admin), cancel(admin)] == ["cancelled", "cancelled"]


def test_an_unknown_run_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error, match="no run 4711") as caught:
        admin.execute("select dreamlit.cancel_run(4711)")
    assert caught.value.sqlstate == "DL002"


def test_the_key_is_free_again(run: Run, admin: Connection, app: Connection, superuser: Connection) -> None:
    run(NAP, key="'one'")
    cancel(admin)
    app.execute("insert into public.users (name) values ('next')")
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit._runs") == 1


# Against a worker in the middle of its batch


def test_a_worker_that_holds_the_tasks_ends_them_as_cancelled(
    run: Run, admin: Connection, connect: object, superuser: Connection
) -> None:
    run({"id": "one", "query": "select 1 as n"}, email(), passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    worker = connect("superuser", autocommit=False)  # type: ignore[operator]
    worker.execute("select dreamlit._advance(s.step_id) from dreamlit._steps s where s.name = 'one'")
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(cancel, admin)
        wait_for_lock(superuser, admin)
        worker.commit()
        assert cancelling.result(timeout=30) == "cancelled"
    work(superuser, 3)
    _is_cancelled(superuser)


def test_a_worker_that_meets_a_run_being_cancelled_goes_on_after_it(
    run: Run, connect: object, superuser: Connection
) -> None:
    run({"id": "one", "query": "select 1 as n"}, email(), passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    operator = connect("admin", autocommit=False)  # type: ignore[operator]
    assert cancel(operator) == "cancelled"
    work(superuser)  # steps over the tasks that are locked
    operator.commit()
    work(superuser, 2)
    _is_cancelled(superuser)


def test_a_message_that_is_posted_meanwhile_is_stopped_when_it_is_claimed(
    run: Run, admin: Connection, connect: object, me: Sender, superuser: Connection
) -> None:
    run(email(), passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    worker = connect("superuser", autocommit=False)  # type: ignore[operator]
    worker.execute("select dreamlit._advance(s.step_id) from dreamlit._steps s where s.name = 'tell'")
    assert cancel(admin) == "cancelled"
    worker.commit()
    assert me.claim() == []
    assert column(superuser, "select state from dreamlit.messages") == ["cancelled"]
    _is_cancelled(superuser)


def test_a_claim_under_way_and_a_cancelling_do_not_wait_in_a_circle(
    run: Run, admin: Connection, connect: object, superuser: Connection
) -> None:
    run(email())
    slow = connect("sender", autocommit=False)  # type: ignore[operator]
    sender = Sender(slow, "slow")
    (claimed,) = sender.claim()
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(cancel, admin)
        wait_for_lock(superuser, admin)
        assert sender.report(claimed, "started") == "sending"
        slow.commit()
        assert cancelling.result(timeout=30) == "cancelled"
    sender.report(claimed, "sent")
    slow.commit()
    work(superuser)
    _is_cancelled(superuser)


def test_a_report_and_a_cancelling_at_once_end_the_run_once(
    run: Run, admin: Connection, connect: object, superuser: Connection
) -> None:
    run(email(to="a@x.org, b@x.org"))
    slow = connect("sender", autocommit=False)  # type: ignore[operator]
    sender = Sender(slow, "slow")
    claimed = sender.claim()
    sender.report_all(claimed, "started")
    slow.commit()
    sender.report_all(claimed[:1], "sent")
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(cancel, admin)
        wait_for_lock(superuser, admin)
        sender.report_all(claimed[1:], "sent")
        slow.commit()
        assert cancelling.result(timeout=30) in ("done", "cancelled")
    assert value(superuser, "select count(*) from dreamlit._run_history") == 1
    assert value(superuser, "select count(*) from dreamlit._tasks") == 0

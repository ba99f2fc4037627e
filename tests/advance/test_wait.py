from __future__ import annotations

import pytest
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    email,
    publish,
    rows,
    shift_clock,
    value,
    wait_until,
    work,
    workflow,
)

from .conftest import Run, states


def wait(until: str | None = None, **more: object) -> dict[str, object]:
    return {"id": "nap", "wait": {"until": until} if until else "3 days", **more}


def test_an_interval_passes_on_the_engines_clock(run: Run, superuser: Connection) -> None:
    run(wait(), email())
    assert states(superuser, "nap") == ["waiting"]
    shift_clock(superuser, "2 days 23:59")
    work(superuser, 2)
    assert states(superuser, "nap") == ["waiting"]
    shift_clock(superuser, "3 days 00:01")
    work(superuser, 2)
    assert states(superuser, "nap") == ["done"]
    assert states(superuser, "tell") == ["sending"]


def test_the_run_shows_what_it_waits_for_and_until_when(run: Run, superuser: Connection) -> None:
    run(wait(), email())
    (found,) = rows(
        superuser,
        "select state, doing, waits_until - started_at = interval '3 days' as three_days from dreamlit.runs",
    )
    assert found == {"state": "running", "doing": "nap: waiting", "three_days": True}


@pytest.mark.parametrize("until", ["now() - interval '1 year'", "'-infinity'::timestamptz", "trigger.due_at"])
def test_a_moment_in_the_past_goes_on_at_once(
    admin: Connection, app: Connection, superuser: Connection, run: Run, until: str
) -> None:
    run(wait(until), email(), users=0)
    add_user(app, "ann", due_at="2001-01-01T00:00Z")
    work(superuser, 3)
    assert states(superuser, "tell") == ["sending"]


def test_a_moment_of_the_data_is_waited_for(run: Run, app: Connection, superuser: Connection) -> None:
    run(wait("trigger.due_at"), email(), users=0)
    app.execute(
        "insert into public.users (name, email, due_at) values ('a', 'a@x.org', now() + interval '5 days')"
    )
    work(superuser, 3)
    assert states(superuser, "nap") == ["waiting"]
    shift_clock(superuser, "5 days 00:01")
    work(superuser, 2)
    assert states(superuser, "tell") == ["sending"]


def test_until_null_fails_with_a_reason(run: Run, superuser: Connection) -> None:
    run(wait("trigger.due_at", attempts=1), email())
    (task,) = rows(superuser, "select state, error from dreamlit.tasks")
    assert task["state"] == "failed"
    assert "null" in task["error"]["message"]
    assert task["error"]["step"] == "nap"


def test_until_null_fails_its_own_task_only(run: Run, app: Connection, superuser: Connection) -> None:
    run(wait("trigger.due_at", attempts=1), email(), users=0)
    for name, due in (("a", "2001-01-01"), ("b", None), ("c", "2001-01-01")):
        add_user(app, name, due_at=due)
    work(superuser, 3)
    assert states(superuser, "nap") == ["done", "failed", "done"]


def test_infinity_waits_for_ever(run: Run, superuser: Connection) -> None:
    run(wait("'infinity'::timestamptz"), email())
    assert states(superuser, "nap") == ["waiting"]
    shift_clock(superuser, "50 years")
    work(superuser)
    assert states(superuser, "nap") == ["waiting"]
    assert value(superuser, "select waits_until = 'infinity' from dreamlit.runs")


def test_a_zero_wait_goes_on(run: Run, superuser: Connection) -> None:
    run({"id": "nap", "wait": "0"}, email())
    assert states(superuser, "tell") == ["sending"]


def test_a_wait_that_a_condition_leaves_out_ends_the_branch(run: Run, superuser: Connection) -> None:
    run(wait(**{"if": "false"}), email())
    assert states(superuser, "nap") == ["skipped"]
    assert states(superuser, "tell") == []


def test_a_wait_with_a_condition_that_holds_waits(run: Run, superuser: Connection) -> None:
    run(wait(**{"if": "trigger.user_id > 0"}), email())
    assert states(superuser, "nap") == ["waiting"]
    shift_clock(superuser, "3 days 00:01")
    work(superuser, 2)
    assert states(superuser, "tell") == ["sending"]


def test_a_wait_below_a_query_waits_for_each_item(run: Run, superuser: Connection) -> None:
    run({"id": "each", "query": "select n from generate_series(1, 3) as n"}, wait(), email())
    assert states(superuser, "nap") == ["waiting"] * 3


def test_the_condition_is_asked_before_the_wait_only(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    admin.execute("create table public.flags (on_ boolean)")
    admin.execute("insert into public.flags values (true)")
    run(wait(**{"if": "(select f.on_ from public.flags f)"}), email())
    admin.execute("update public.flags set on_ = false")
    shift_clock(superuser, "3 days 00:01")
    work(superuser, 2)
    assert states(superuser, "tell") == ["sending"]


def test_sleeping_tasks_are_not_looked_at(run: Run, superuser: Connection) -> None:
    """A million sleepers may not slow a pass: the index answers without reading one of them."""
    run(wait(), email(), users=3000, passes=3)
    superuser.execute("vacuum analyze dreamlit._tasks")
    body = value(superuser, "select prosrc from pg_proc where proname = '_due_steps'")
    query = body[body.index("select coalesce") : body.index(";", body.index("from ("))].replace(
        "into v_due, v_searched", ""
    )
    plan = value(superuser, f"explain (analyze, buffers, format json) {query}")
    assert _rows_read(plan[0]["Plan"]) <= 3
    assert plan[0]["Plan"]["Shared Hit Blocks"] < 30


def test_dead_tasks_are_not_stepped_over_at_every_look(
    run: Run, connect: Connect, superuser: Connection
) -> None:
    """A snapshot elsewhere keeps what was due in the index; where nothing else is due, no step is taken that would set its mark."""
    run(wait(), email())
    analyst = connect("superuser", autocommit=False)
    analyst.execute("set transaction isolation level repeatable read")
    analyst.execute("select count(*) from dreamlit._tasks")
    superuser.execute(
        "insert into dreamlit._tasks (run_id, step_id, state, due_at, started_at)"
        " select t.run_id, t.step_id, 'waiting', now(), now() from dreamlit._tasks as t, generate_series(1, 100000)"
    )
    superuser.execute("delete from dreamlit._tasks where due_at <= now()")
    assert _pages_read(superuser) > 1000
    wait_until(lambda: _pages_read(superuser) < 100)


def _pages_read(superuser: Connection) -> int:
    """Pages that a look for due steps reads."""
    plan = value(
        superuser, "explain (analyze, buffers, format json) select cardinality(dreamlit._due_steps())"
    )
    return int(plan[0]["Plan"]["Shared Hit Blocks"]) + int(plan[0]["Plan"]["Shared Read Blocks"])


def _rows_read(plan: dict[str, object]) -> int:
    """Rows of _tasks that a plan touches."""
    own = 0
    if plan.get("Relation Name") == "_tasks":
        own = int(str(plan["Actual Rows"])) * int(str(plan["Actual Loops"]))
        own += int(str(plan.get("Rows Removed by Filter", 0)))
        assert plan["Node Type"] in ("Index Only Scan", "Index Scan")
    return own + sum(_rows_read(child) for child in plan.get("Plans", []))  # type: ignore[attr-defined]


def test_steps_of_paused_workflows_are_left_out(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email(), passes=0)
    publish(admin, workflow(email(), name="second"))
    superuser.execute("select dreamlit._launch_runs()")
    assert value(superuser, "select cardinality(dreamlit._due_steps())") == 1
    admin.execute("select dreamlit.pause('hello')")
    assert value(superuser, "select cardinality(dreamlit._due_steps())") == 0

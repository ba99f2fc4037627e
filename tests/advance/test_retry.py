from __future__ import annotations

from tests.helpers import (
    Connection,
    add_users,
    create_users,
    email,
    publish,
    rows,
    shift_clock,
    value,
    work,
    workflow,
)

from .conftest import Run, states

BROKEN = {"id": "broken", "query": "select 1 / (trigger.visits - 1) as n"}


def test_a_failed_task_is_tried_again_later(run: Run, superuser: Connection) -> None:
    run(BROKEN)
    (task,) = rows(
        superuser, "select state, attempt, error, due_at - dreamlit._now() as ahead from dreamlit.tasks"
    )
    assert (task["state"], task["attempt"]) == ("due", 1)
    assert task["error"]["message"] == "division by zero"
    assert task["ahead"].total_seconds() > 0
    assert value(superuser, "select doing from dreamlit.runs") == "broken: trying again"


def test_each_try_waits_about_twice_as_long_to_a_limit_and_then_it_gives_up(
    run: Run, superuser: Connection
) -> None:
    run({**BROKEN, "attempts": 10})
    ahead, waits = 0.0, []
    while states(superuser, "broken") == ["due"]:
        waits.append(
            value(superuser, "select extract(epoch from due_at - dreamlit._now())::float from dreamlit.tasks")
        )
        ahead += waits[-1] + 1
        shift_clock(superuser, f"{ahead} seconds")
        work(superuser)
    expected = [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert all(base * 0.8 <= wait <= base * 1.15 for base, wait in zip(expected, waits, strict=True))
    (task,) = rows(superuser, "select state, attempt, error from dreamlit.tasks")
    assert (task["state"], task["attempt"]) == ("failed", 10)
    assert task["error"]["attempt"] == 10


def test_a_query_is_tried_five_times_unless_the_step_says_otherwise(run: Run, superuser: Connection) -> None:
    run(BROKEN)
    for hours in range(1, 8):
        shift_clock(superuser, f"{hours} hours")
        work(superuser)
    assert rows(superuser, "select state, attempt from dreamlit.tasks") == [{"state": "failed", "attempt": 5}]


def test_what_was_mended_meanwhile_goes_through(
    run: Run, admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create table public.rates (rate int)")
    admin.execute("insert into public.rates values (0)")
    run({"id": "rate", "query": "select 100 / r.rate as x from public.rates r"})
    assert states(superuser, "rate") == ["due"]
    admin.execute("update public.rates set rate = 5")
    shift_clock(superuser, "1 minute")
    work(superuser)
    assert states(superuser, "rate") == ["done"]


def test_a_task_that_waits_for_its_next_try_is_not_taken_before(run: Run, superuser: Connection) -> None:
    run(BROKEN)
    work(superuser, 3)
    assert rows(superuser, "select attempt from dreamlit.tasks") == [{"attempt": 1}]


def test_a_query_slower_than_the_statement_timeout_fails_alone(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(
        admin,
        workflow(
            {"id": "slow", "query": "select pg_sleep(60 + 0 * trigger.user_id)::text as x", "attempts": 1}
        ),
    )
    publish(admin, workflow(email(), name="quick"))
    add_users(app, 3)
    superuser.execute("set statement_timeout = '1s'")
    for _ in range(4):
        superuser.execute("select * from dreamlit.tick('me')")
    superuser.execute("reset statement_timeout")
    found = rows(superuser, "select workflow, state, last_error ->> 'sqlstate' as code from dreamlit.runs")
    assert sorted((row["workflow"], row["state"], row["code"]) for row in found) == [
        *[("hello", "failed", "57014")] * 3,
        *[("quick", "running", None)] * 3,
    ]
    assert value(superuser, "select count(*) from dreamlit.messages") == 3

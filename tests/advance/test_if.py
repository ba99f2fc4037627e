from __future__ import annotations

import pytest
from tests.helpers import Connection, add_user, column, email, rows, work

from .conftest import Run, states


@pytest.mark.parametrize(
    ("condition", "state"),
    [
        ("true", "done"),
        ("false", "skipped"),
        ("null::boolean", "skipped"),
        ("trigger.plan = 'pro'", "skipped"),
    ],
)
def test_a_step_of_its_own_lets_only_true_through(
    run: Run, superuser: Connection, condition: str, state: str
) -> None:
    run({"id": "ask", "if": condition}, email())
    assert states(superuser, "ask") == [state]
    assert states(superuser, "tell") == (["sending"] if state == "done" else [])


@pytest.mark.parametrize("condition", ["false", "null::boolean", "trigger.visits > 5"])
def test_on_a_message_it_leaves_the_message_out(run: Run, superuser: Connection, condition: str) -> None:
    run(email(**{"if": condition}))
    assert states(superuser, "tell") == ["skipped"]
    assert rows(superuser, "select from dreamlit.messages") == []


def test_on_a_query_it_leaves_the_branch_out(run: Run, superuser: Connection) -> None:
    run({"id": "each", "query": "select 1 as n", "if": "false"}, email())
    assert states(superuser, "each") == ["skipped"]
    assert states(superuser, "tell") == []


def test_a_run_whose_branches_were_all_skipped_is_done(run: Run, superuser: Connection) -> None:
    run(email(**{"if": "false"}))
    (found,) = rows(superuser, "select state, skipped_tasks, failed_tasks, open_tasks from dreamlit.runs")
    assert found == {"state": "done", "skipped_tasks": 1, "failed_tasks": 0, "open_tasks": 0}


def test_a_batch_is_told_apart_item_by_item(run: Run, superuser: Connection) -> None:
    run(email(**{"if": "trigger.visits % 3 = 0"}), users=9)
    found = column(superuser, "select recipient from dreamlit.messages order by recipient")
    assert found == ["user3@example.com", "user6@example.com", "user9@example.com"]
    assert states(superuser, "tell").count("skipped") == 6


def test_it_reads_what_a_query_above_found(run: Run, superuser: Connection) -> None:
    run(
        {"id": "n", "query": "select n from generate_series(1, 4) as n"},
        {"id": "even", "if": "n.n % 2 = 0"},
        email(),
    )
    assert states(superuser, "even") == ["skipped", "done", "skipped", "done"]
    assert states(superuser, "tell") == ["sending", "sending"]


def test_it_reads_the_tables_of_the_moment_not_of_the_event(
    run: Run, app: Connection, superuser: Connection
) -> None:
    run(email(**{"if": "exists (select from public.users u where u.user_id = trigger.user_id)"}), passes=0)
    app.execute("delete from public.users")
    work(superuser)
    assert states(superuser, "tell") == ["skipped"]


def test_a_condition_that_raises_fails_its_own_task_only(
    run: Run, app: Connection, superuser: Connection
) -> None:
    run(email(attempts=1, **{"if": "10 / trigger.visits > 0"}), users=0)
    for name, visits in (("a", 1), ("b", 0), ("c", 2)):
        add_user(app, name, visits=visits)
    work(superuser)
    assert sorted(states(superuser, "tell")) == ["failed", "sending", "sending"]
    (error,) = column(superuser, "select error from dreamlit.tasks where state = 'failed'")
    assert error["sqlstate"] == "22012"

"""First steps that only render are run as their runs start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    add_users,
    column,
    email,
    publish,
    rows,
    shift_clock,
    slack,
    value,
    wait_for_lock,
    work,
    workflow,
)


def _launch(superuser: Connection) -> list[str]:
    """Start the runs; returns the steps whose tasks are due, and nothing that nobody would ever take."""
    superuser.execute("select dreamlit._launch_runs(p_at_once => true)")
    assert (
        value(superuser, "select count(*) from dreamlit._tasks where state = 'due' and due_at is null") == 0
    )
    return column(superuser, "select distinct step from dreamlit.tasks where state = 'due' order by 1")


def test_messages_are_in_the_outbox_when_their_runs_start(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email(), slack()))
    publish(admin, workflow(email("again"), name="other"))
    add_users(app, 30)
    assert _launch(superuser) == []
    assert rows(
        superuser,
        "select step, count(*), count(distinct run_id) as runs from dreamlit.messages group by 1 order by 1",
    ) == [{"step": step, "count": 30, "runs": 30} for step in ("again", "team", "tell")]
    assert value(superuser, "select count(*) from dreamlit.tasks where state = 'sending'") == 90
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_email_urgent") == 60


@pytest.mark.parametrize(
    "step",
    [
        email("later", **{"if": "trigger.visits >= 0"}),
        {"id": "later", "wait": "1 hour"},
        {"id": "later", "query": "select 1 as n"},
    ],
    ids=["condition", "wait", "query"],
)
def test_what_asks_the_publishers_sql_or_waits_is_left_to_its_turn(
    admin: Connection, app: Connection, superuser: Connection, step: dict[str, object]
) -> None:
    publish(admin, workflow(step))
    add_users(app, 3)
    waits = "wait" in step
    assert _launch(superuser) == ([] if waits else ["later"])
    states = column(superuser, "select state from dreamlit.tasks")
    assert states == ["waiting" if waits else "due"] * 3
    assert value(superuser, "select count(*) from dreamlit.messages") == 0


@pytest.mark.parametrize(
    "said",
    [
        "select dreamlit.pause('hello')",
        "select dreamlit.set_setting('renderer', '\"sender\"')",
    ],
)
def test_who_said_otherwise_is_heard(
    admin: Connection, app: Connection, superuser: Connection, said: str
) -> None:
    publish(admin, workflow(email()))
    admin.execute(said)
    add_users(app, 3)
    assert _launch(superuser) == ["tell"]
    assert value(superuser, "select count(*) from dreamlit.messages") == 0


def test_those_that_waited_while_the_workflow_was_paused_go_first(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    admin.execute("select dreamlit.pause('hello')")
    add_user(app, "early")
    _launch(superuser)
    admin.execute("select dreamlit.resume('hello')")
    add_user(app, "late")
    assert _launch(superuser) == ["tell"]
    work(superuser)
    assert column(superuser, "select recipient from dreamlit.messages order by message_id") == [
        "early@example.com",
        "late@example.com",
    ]


def test_one_that_cannot_be_rendered_fails_alone(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(
        admin,
        workflow(
            {
                "id": "tell",
                "email": {"to": "{{ trigger.email }}", "subject": "{{ 1 / trigger.visits }}", "text": "x"},
            }
        ),
    )
    app.execute("insert into public.users (email, visits) values ('good@x.org', 1), ('bad@x.org', 0)")
    _launch(superuser)
    assert column(superuser, "select recipient from dreamlit.messages") == ["good@x.org"]
    assert column(superuser, "select distinct state from dreamlit.runs order by 1") == ["failed", "running"]


def test_one_that_cannot_be_posted_is_tried_again_and_its_neighbours_are_not(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    superuser.execute(
        "create function public.refuse() returns trigger language plpgsql as $$ begin"
        " if new.recipient like 'user2@%' then raise 'no'; end if; return new; end $$;"
        " create trigger refuse before insert on dreamlit._messages for each row execute function public.refuse()"
    )
    add_users(app, 5)
    assert _launch(superuser) == ["tell"]
    assert value(superuser, "select count(*) from dreamlit.messages") == 4
    [task] = rows(
        superuser, "select attempt, error ->> 'message' as error from dreamlit.tasks where state = 'due'"
    )
    assert task == {"attempt": 1, "error": "no"}
    superuser.execute("drop trigger refuse on dreamlit._messages")
    shift_clock(superuser, "1 minute")
    work(superuser)
    assert value(superuser, "select count(distinct recipient) from dreamlit.messages") == 5


def test_a_key_that_is_taken_meanwhile_sends_nothing(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email(), key="trigger.email"))
    for _ in range(3):
        add_user(app, "ann")
    _launch(superuser)
    assert value(superuser, "select count(*) from dreamlit.messages") == 1
    assert value(superuser, "select count(*) from dreamlit._ignored_events") == 2


def test_two_who_start_runs_of_one_key_post_one_message(
    admin: Connection, app: Connection, superuser: Connection, connect: Connect
) -> None:
    publish(admin, workflow(email(), key="trigger.email"))
    first, second = (connect("superuser", autocommit=False) for _ in range(2))
    add_user(app, "ann")
    first.execute("select dreamlit._launch_runs(p_at_once => true)")
    add_user(app, "ann")
    with ThreadPoolExecutor(1) as pool:
        launching = pool.submit(second.execute, "select dreamlit._launch_runs(p_at_once => true)")
        wait_for_lock(superuser, second)
        first.commit()
        launching.result(timeout=30)
    second.commit()
    assert value(superuser, "select count(*) from dreamlit.messages") == 1
    assert value(superuser, "select count(*) from dreamlit._ignored_events") == 1


def test_two_workers_share_what_waits(
    admin: Connection, app: Connection, superuser: Connection, connect: Connect
) -> None:
    publish(admin, workflow(email()))
    for _ in range(4):
        add_users(app, 5)
    first, second = (connect("superuser", autocommit=False) for _ in range(2))
    launch = "select dreamlit._launch_runs(10, p_at_once => true)"
    assert [value(first, launch), value(second, launch)] == [10, 10]
    first.commit()
    second.commit()
    assert value(superuser, "select count(distinct run_id) from dreamlit.messages") == 20


def test_each_of_many_workflows_gets_its_own_messages(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    for number in range(12):
        publish(admin, workflow(email(), slack(), name=f"w{number}"))
    add_users(app, 3)
    assert _launch(superuser) == []
    found = rows(superuser, "select workflow, step, count(*) from dreamlit.messages group by 1, 2")
    assert len(found) == 24
    assert {row["count"] for row in found} == {3}

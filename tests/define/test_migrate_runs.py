"""Waiting runs go on by another version where everything that it reads is there, and stay with a reason where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    add_users,
    column,
    create_users,
    email,
    let_unused_versions_go,
    publish,
    rows,
    shift_clock,
    value,
    wait_for_lock,
    wait_until,
    work,
    workflow,
)

NAP = {"id": "nap", "wait": "3 days"}
FRIENDS = {
    "id": "friend",
    "query": "select f.name from public.friends as f where f.user_id = trigger.user_id",
}
COLLECTED = {**FRIENDS, "collect": True}


def _say(text: str = "{{ trigger.name }}", **more: object) -> dict[str, object]:
    return {"id": "say", "slack": {"text": text}, **more}


@pytest.fixture(autouse=True)
def tables(admin: Connection) -> None:
    create_users(admin)
    admin.execute("create table public.friends (user_id int, name text, city text)")
    admin.execute("insert into public.friends values (1, 'Bob', 'Bonn'), (1, 'Cy', 'Cork')")


Found = list[tuple[bool, str | None]]


def _migrate(admin: Connection, *arguments: object) -> Found:
    places = ", ".join(["%s"] * len(arguments))
    found = rows(admin, f"select moved, reason from dreamlit.migrate_runs('hello', {places})", *arguments)
    return [(row["moved"], row["reason"]) for row in found]


def _from_one_to_another(
    admin: Connection,
    app: Connection,
    superuser: Connection,
    one: Mapping[str, object],
    another: Mapping[str, object],
) -> Found:
    """What becomes of a run that has come to its first wait."""
    publish(admin, one)
    add_user(app, "ann")
    work(superuser, 3)
    publish(admin, another)
    return _migrate(admin, 1)


def _sent(superuser: Connection) -> list[str]:
    shift_clock(superuser, "4 days")
    work(superuser, 4)
    return sorted(column(superuser, "select content ->> 'text' from dreamlit.messages"))


# Moved


def test_a_waiting_run_goes_on_by_the_published_version(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    found = _from_one_to_another(
        admin,
        app,
        superuser,
        workflow(NAP, _say("Hi {{ trigger.name }}")),
        workflow(NAP, _say("Hello {{ trigger.name }}")),
    )
    assert found == [(True, None)]
    assert value(admin, "select version from dreamlit.runs") == 2
    assert _sent(superuser) == ["Hello ann"]


def test_a_wait_keeps_its_moment(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow(NAP, _say()))
    add_user(app, "ann")
    work(superuser)
    due_at = value(admin, "select due_at from dreamlit.tasks")
    publish(admin, workflow({**NAP, "wait": "9 days"}, _say()))
    assert _migrate(admin, 1) == [(True, None)]
    assert value(admin, "select due_at from dreamlit.tasks") == due_at
    assert value(admin, "select state from dreamlit.tasks") == "waiting"


def test_every_open_task_of_a_run_moves(admin: Connection, app: Connection, superuser: Connection) -> None:
    other = {"id": "doze", "after": "trigger", "wait": "1 day"}
    found = _from_one_to_another(
        admin,
        app,
        superuser,
        workflow(FRIENDS, NAP, _say("{{ friend.name }}"), other),
        workflow(FRIENDS, NAP, _say("-{{ friend.name }}"), other),
    )
    assert found == [(True, None)]
    assert set(column(admin, "select version from dreamlit.tasks where state = 'waiting'")) == {2}
    assert _sent(superuser) == ["-Bob", "-Cy"]


def test_a_collected_query_goes_with_its_list(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    found = _from_one_to_another(
        admin,
        app,
        superuser,
        workflow(COLLECTED, NAP, _say("{{ friend | length }}")),
        workflow(COLLECTED, NAP, _say("{{ friend | length }} friends")),
    )
    assert found == [(True, None)]
    assert _sent(superuser) == ["2 friends"]


def test_a_collected_query_that_is_gone_is_no_obstacle(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    found = _from_one_to_another(
        admin, app, superuser, workflow(COLLECTED, NAP, _say()), workflow(NAP, _say())
    )
    assert found == [(True, None)]


def test_a_task_that_failed_before_is_retried_on_the_new_version(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    broken = {
        "id": "rate",
        "after": "trigger",
        "query": "select 1 / (trigger.visits - 1) as n",
        "attempts": 1,
    }
    publish(admin, workflow(NAP, broken))
    add_user(app, visits=1)
    work(superuser, 2)
    publish(
        admin,
        workflow(NAP, {**broken, "query": "select coalesce(1 / nullif(trigger.visits - 1, 0), 0) as n"}),
    )
    assert _migrate(admin, 1) == [(True, None)]
    assert value(admin, "select dreamlit.retry_run(run_id) from dreamlit.runs") == 1
    work(superuser)
    assert rows(admin, "select version, state from dreamlit.tasks where step = 'rate'") == [
        {"version": 2, "state": "done"}
    ]


def test_runs_can_go_back_to_a_version_that_is_still_compiled(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(NAP, _say("one")))
    add_user(app)
    work(superuser)
    publish(admin, workflow(NAP, _say("two")))
    add_user(app)
    work(superuser)
    assert _migrate(admin, 2, 1) == [(True, None)]
    assert _sent(superuser) == ["one", "one"]


def test_a_version_whose_runs_have_gone_can_be_retired(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    _from_one_to_another(admin, app, superuser, workflow(NAP, email()), workflow(NAP, _say()))
    assert column(admin, "select state from dreamlit.versions order by version") == ["retained", "published"]
    wait_until(lambda: value(admin, "select dreamlit.retire_version('hello', 1)") == "retired")


def test_many_runs_move_at_once(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow(NAP, _say()))
    add_users(app, 3000)
    work(superuser, 2)
    publish(admin, workflow(NAP, _say("{{ trigger.name }}!")))
    assert _migrate(admin, 1) == [(True, None)] * 3000
    assert set(column(admin, "select version from dreamlit.tasks")) == {2}


def test_a_dry_run_moves_nothing(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow(NAP, _say()))
    add_user(app)
    work(superuser)
    publish(admin, workflow(NAP))
    assert _migrate(admin, 1, None, True) == [(False, None)]
    assert value(admin, "select version from dreamlit.runs") == 1


# Not moved


@pytest.mark.parametrize(
    ("one", "another", "reason"),
    [
        pytest.param([NAP], [{**NAP, "id": "doze"}], "version 2 has no step nap", id="a step that is gone"),
        pytest.param([NAP], [{"id": "nap", "if": "true"}], "step nap is a step of kind if in version 2, not wait", id="another kind"),
        pytest.param([NAP], [FRIENDS, NAP], "version 2 has the query friend above step nap, which was not asked for it", id="a new query"),
        pytest.param([FRIENDS, NAP], [COLLECTED, NAP], "version 2 has the query friend above step nap, which was not asked for it", id="now collected"),
        pytest.param([COLLECTED, NAP], [FRIENDS, NAP], "version 2 has the query friend above step nap, which was not asked for it", id="no longer collected"),
        pytest.param([FRIENDS, NAP], [NAP], "version 2 has no query friend above step nap: each of its rows would go on by itself", id="a fan-out that is gone"),
        pytest.param(
            [FRIENDS, NAP], [{**FRIENDS, "query": "select f.name, f.city from public.friends as f"}, NAP],
            "the rows of query friend lack the column city of version 2", id="another column of a query",
        ),
        pytest.param(
            [COLLECTED, NAP], [{**COLLECTED, "query": "select f.name, f.city from public.friends as f"}, NAP],
            "the rows of query friend lack the column city of version 2", id="another column of a collected query",
        ),
        pytest.param([NAP], [NAP, _say("{{ trigger.plan }}")], "version 2 reads plan, which was not captured", id="another captured column"),
    ],
)  # fmt: skip
def test_a_run_that_lacks_something_stays_with_the_reason(
    admin: Connection,
    app: Connection,
    superuser: Connection,
    one: list[dict[str, object]],
    another: list[dict[str, object]],
    reason: str,
) -> None:
    found = _from_one_to_another(admin, app, superuser, workflow(*one), workflow(*another))
    assert found == [(False, reason)]
    assert value(admin, "select version from dreamlit.runs") == 1


def test_a_run_of_an_update_lacks_the_old_row_that_was_not_captured(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    add_user(app)
    publish(admin, workflow(NAP, on=["insert", "update"]))
    app.execute("update public.users set name = 'bea'")
    add_user(app)
    work(superuser)
    publish(admin, workflow(NAP, _say("{{ old.name }} {{ trigger.user_id }}"), on=["insert", "update"]))
    assert _migrate(admin, 1) == [(False, "version 2 reads old.name, which was not captured"), (True, None)]


def test_a_run_whose_messages_are_out_stays(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email(), NAP))
    add_user(app)
    work(superuser, 2)
    publish(admin, workflow(email(), {**NAP, "wait": "1 day"}))
    assert _migrate(admin, 1) == [(False, "step tell is sending: its messages come first")]


def test_a_run_that_is_being_cancelled_stays(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(NAP, email("tell", after="trigger")))
    add_user(app)
    work(superuser, 2)
    superuser.execute("update dreamlit._runs set cancelling = true")
    publish(admin, workflow(NAP))
    assert _migrate(admin, 1) == [(False, "it is being cancelled")]


def test_a_failed_task_that_the_new_version_does_not_know_keeps_its_run(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    broken = {
        "id": "rate",
        "after": "trigger",
        "query": "select 1 / (trigger.visits - 1) as n",
        "attempts": 1,
    }
    publish(admin, workflow(NAP, broken))
    add_user(app, visits=1)
    work(superuser, 2)
    publish(admin, workflow(NAP))
    assert _migrate(admin, 1) == [(False, "version 2 has no step rate")]


def test_what_a_worker_holds_is_passed_over(
    admin: Connection, app: Connection, connect: Connect, superuser: Connection
) -> None:
    publish(admin, workflow(NAP, _say()))
    add_users(app, 2)
    work(superuser)
    publish(admin, workflow(NAP))
    held = value(admin, "select min(run_id) from dreamlit.runs")
    worker = connect("superuser", autocommit=False)
    worker.execute("select from dreamlit._tasks where run_id = %s for update", [held])
    assert _migrate(admin, 1) == [(False, "a worker is at it: try again"), (True, None)]
    worker.rollback()
    assert _migrate(admin, 1) == [(True, None)]


def test_a_retry_at_the_same_time_ends_on_one_version(
    admin: Connection, app: Connection, connect: Connect, superuser: Connection
) -> None:
    broken = {
        "id": "rate",
        "after": "trigger",
        "query": "select 1 / (trigger.visits - 1) as n",
        "attempts": 1,
    }
    publish(admin, workflow(NAP, broken))
    add_user(app, visits=1)
    work(superuser, 2)
    publish(admin, workflow({**NAP, "wait": "1 day"}, broken))
    retrying, other = connect("admin", autocommit=False), connect("admin")
    retrying.execute("select dreamlit.retry_run(run_id) from dreamlit.runs")
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(_migrate, other, 1)
        wait_for_lock(superuser, other)
        retrying.commit()
        assert moving.result(timeout=30) == [(False, "a worker is at it: try again")]
    assert _migrate(admin, 1) == [(True, None)]
    assert set(column(admin, "select version from dreamlit.tasks where finished_at is null")) == {2}


# Not at all


def _refused(admin: Connection, *arguments: object) -> tuple[str | None, str]:
    with pytest.raises(psycopg.Error) as raised:
        _migrate(admin, *arguments)
    assert raised.value.diag.message_hint
    return raised.value.sqlstate, str(raised.value.diag.message_primary)


def test_versions_that_never_were_or_are_retired_are_named(admin: Connection, superuser: Connection) -> None:
    publish(admin, workflow(NAP))
    publish(admin, workflow(email()))
    let_unused_versions_go(superuser)
    assert _refused(admin, 7) == ("DL002", "workflow hello has no version 7")
    assert _refused(admin, 2, 7) == ("DL002", "workflow hello has no version 7")
    assert _refused(admin, 2, 1) == ("DL003", "version 1 of workflow hello has been retired")
    assert _refused(admin, 2) == ("DL001", "version 2 is where the runs are")


def test_an_unpublished_workflow_has_no_version_to_go_to(admin: Connection) -> None:
    publish(admin, workflow(NAP))
    admin.execute("select dreamlit.unpublish('hello')")
    assert _refused(admin, 1) == ("DL003", "workflow hello is not published")


def test_a_reader_may_not_move_runs(reader: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select dreamlit.migrate_runs('hello', 1)")

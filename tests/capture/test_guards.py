"""A condition that fails breaks no write and loses no event."""

from __future__ import annotations

import pytest
from tests.capture.conftest import Events, Watch
from tests.helpers import Connection, publish, rows, value, work


@pytest.fixture(autouse=True)
def table(admin: Connection) -> None:
    admin.execute("create table public.t (id int primary key, n int, doc json)")


def test_the_row_that_fails_is_kept_with_its_error(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", when="1 / new.n > 0")
    app.execute("insert into public.t values (1, 0)")
    [event] = events()
    assert event["trigger"] == {"id": 1, "n": 0}
    assert event["error"]["sqlstate"] == "22012"


@pytest.mark.parametrize("count", [3, 1200])
def test_the_other_rows_of_the_statement_are_captured_as_ever(
    app: Connection, watch: Watch, events: Events, count: int
) -> None:
    watch("public.t", when="10 / new.n > 0")
    app.execute(
        f"insert into public.t select g, case when g = {count - 1} then 0 else 1 end from generate_series(1, {count}) as g".encode()
    )
    found = events()
    assert [event["trigger"]["id"] for event in found] == list(range(1, count + 1))
    assert [event["trigger"]["id"] for event in found if event["error"]] == [count - 1]


def test_an_update_that_fails(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", "update", when="1 / new.n > old.n")
    app.execute("insert into public.t values (1, 0), (2, 0)")
    app.execute("update public.t set n = id - 1")
    assert [(event["trigger"]["id"], bool(event["error"])) for event in events()] == [(1, True), (2, False)]


def test_a_key_that_fails(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", key="1 / new.n")
    app.execute("insert into public.t values (1, 0)")
    assert events()[0]["error"]["message"] == "division by zero"


def test_a_column_that_jsonb_cannot_hold_is_null_and_told(
    app: Connection, watch: Watch, events: Events
) -> None:
    watch("public.t", uses="trigger.doc::text, trigger.n")
    app.execute("""insert into public.t values (1, 7, '{"a": "\\u0000"}'), (2, 8, '{"a": 1}')""")
    first, second = events()
    assert (first["trigger"], first["error"]["sqlstate"][:2]) == ({"id": 1, "n": 7, "doc": None}, "22")
    assert (second["trigger"], second["error"]) == ({"id": 2, "n": 8, "doc": {"a": 1}}, None)


def test_the_run_starts_as_failed_and_goes_on_after_the_mending(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create table public.divisors (n int)")
    admin.execute("insert into public.divisors values (0)")
    publish(
        admin,
        {
            "workflow": "w",
            "trigger": {
                "table": "public.t",
                "on": "insert",
                "when": "1 / (select d.n from public.divisors d) > 0",
            },
            "steps": [{"id": "tell", "slack": {"text": "{{ trigger.id }}"}}],
        },
    )
    app.execute("insert into public.t values (1)")
    work(superuser, 2)
    [run] = rows(superuser, "select * from dreamlit.runs")
    assert (run["state"], run["last_error"]["step"], run["last_error"]["sqlstate"]) == (
        "failed",
        "trigger",
        "22012",
    )

    admin.execute("update public.divisors set n = 1")
    assert value(admin, "select dreamlit.retry_run(%s)", run["run_id"]) == 1
    work(superuser, 3)
    assert value(superuser, "select content ->> 'text' from dreamlit.messages") == "1"
    assert value(superuser, "select state from dreamlit.runs") == "running"


def test_a_workflows_own_sql_cannot_set_a_workflow_off(
    admin: Connection, app: Connection, superuser: Connection, watch: Watch, events: Events
) -> None:
    admin.execute("create table public.watched (id int)")
    admin.execute(
        "create function public.write() returns int language sql volatile as"
        " $$ insert into public.watched values (1) returning id $$"
    )
    watch("public.watched", name="other")
    publish(
        admin,
        {
            "workflow": "w",
            "trigger": {"table": "public.t", "on": "insert"},
            "steps": [
                {"id": "loop", "attempts": 1, "query": "select public.write() as n where trigger.id > 0"}
            ],
        },
    )
    app.execute("insert into public.t values (1)")
    work(superuser, 2)
    assert value(superuser, "select last_error ->> 'sqlstate' from dreamlit.runs") == "DL006"
    assert value(superuser, "select count(*) from public.watched") == 0
    assert events("other") == []


@pytest.mark.parametrize("count", [1, 1200])
def test_after_a_drop_with_cascade_writes_go_on_and_events_are_kept_with_the_error(
    admin: Connection, app: Connection, watch: Watch, events: Events, count: int
) -> None:
    watch(
        "public.t",
        ["insert", "update", "delete"],
        when="new.n > 0 or old.n > 0",
        uses="trigger.n, old.n as before",
    )
    app.execute("insert into public.t values (0, 1)")
    admin.execute("alter table public.t drop column n cascade")
    app.execute(f"insert into public.t select g from generate_series(1, {count}) as g".encode())
    app.execute("update public.t set doc = '1' where id = 1")
    app.execute("delete from public.t where id = 1")
    _, *inserted, updated, deleted = events()
    assert [event["trigger"] for event in inserted] == [{"id": n} for n in range(1, count + 1)]
    assert {event["error"]["sqlstate"] for event in inserted} <= {"42703", "42883", "42704"}
    assert (updated["trigger"], deleted["trigger"]) == ({"id": 1}, {"id": 1})
    assert updated["error"]
    assert deleted["error"]

"""for_each: row, whose conditions PostgreSQL asks itself where they cannot fail."""

from __future__ import annotations

import psycopg
import pytest
from tests.capture.conftest import Events, Watch
from tests.helpers import Connection, publish, rows, value


@pytest.fixture(autouse=True)
def table(admin: Connection) -> None:
    admin.execute("create type public.mood as enum ('good', 'bad')")
    admin.execute(
        "create table public.t (id int primary key, n int, other int, name text, price numeric, mood public.mood)"
    )


def native(superuser: Connection, operation: str = "insert") -> bool:
    """Whether the trigger has a WHEN of its own; it is a row trigger in any case."""
    [found] = rows(
        superuser,
        "select tgtype & 1 = 1 as by_row, tgqual is not null as native from pg_trigger where tgname = %s",
        f"dreamlit_w_{operation}",
    )
    assert found["by_row"]
    return bool(found["native"])


def ids(events: Events) -> list[int]:
    return [event["trigger"]["id"] for event in events()]


INSERT = """insert into public.t values (1, 5, 0, 'a', 9.5, 'good'), (2, 6, 0, 'b', 0.5, 'bad'), (3, null, 0, null, null, null)"""


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("new.n > 5", [2]),
        ("new.price >= 1 and new.mood = 'good'", [1]),
        ("new.name in ('a', 'b') -- either", [1, 2]),
        ("new.n is null or coalesce(new.n, 0) = 5", [1, 3]),
        ("not (new.n > 5) is true", [1, 3]),
        ("new.name is distinct from 'a'", [2, 3]),
    ],
)
def test_a_comparison_is_asked_by_postgresql_itself(
    app: Connection, superuser: Connection, watch: Watch, events: Events, when: str, expected: list[int]
) -> None:
    watch("public.t", when=when, for_each="row")
    app.execute(INSERT.encode())
    assert ids(events) == expected
    assert native(superuser)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("10 / new.n = 2", [1]),  # may fail
        ("trigger.n > 5", [2]),  # a name that a trigger does not know
        ("lower(new.name) = 'a'", [1]),  # may run for long
        ("new.n > (select 5)", [2]),
        ("new is not null", [1, 2]),  # the captured columns, not the table's
        ("new.n + 1 > 6", [2]),  # may overflow
    ],
)
def test_what_could_fail_stays_under_guard(
    app: Connection, superuser: Connection, watch: Watch, events: Events, when: str, expected: list[int]
) -> None:
    watch("public.t", when=when, for_each="row", uses="trigger.n, trigger.name")
    app.execute(INSERT.encode())
    assert [event["trigger"]["id"] for event in events() if not event["error"]] == expected
    assert not native(superuser)


def test_a_delete_asks_for_old(app: Connection, superuser: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", "delete", when="old.n = 6", for_each="row")
    app.execute(INSERT.encode())
    app.execute("delete from public.t")
    assert ids(events) == [2]
    assert native(superuser, "delete")


def test_without_it_a_statement_is_captured_at_once(
    app: Connection, superuser: Connection, watch: Watch
) -> None:
    watch("public.t", when="new.n > 0", for_each="statement")
    app.execute(INSERT.encode())
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 1
    assert value(superuser, "select tgtype & 1 from pg_trigger where tgname = 'dreamlit_w_insert'") == 0


def test_renamed_columns_are_followed(
    app: Connection, admin: Connection, watch: Watch, events: Events
) -> None:
    watch("public.t", when="new.n > 5", for_each="row", uses="trigger.other")
    admin.execute("alter table public.t rename column n to m")
    admin.execute("alter table public.t rename column other to n")
    app.execute("insert into public.t (id, m, n) values (1, 6, 0), (2, 0, 6)")
    assert [(event["trigger"], event["error"]) for event in events()] == [
        ({"id": 1, "n": 6, "other": 0}, None)
    ]


def test_a_column_of_the_condition_is_not_dropped(admin: Connection, watch: Watch) -> None:
    watch("public.t", when="new.n > 5", for_each="row")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        admin.execute("alter table public.t drop column n")


def test_a_column_of_the_condition_gets_another_type(
    app: Connection, admin: Connection, superuser: Connection, watch: Watch, events: Events
) -> None:
    watch("public.t", when="new.n > 5", for_each="row")
    admin.execute(
        "select dreamlit.with_workflows_detached('public.t', 'alter table public.t alter column n type bigint')"
    )
    app.execute("insert into public.t (id, n) values (1, 5), (2, 5000000000)")
    assert ids(events) == [2]
    assert native(superuser)


def test_the_trigger_is_touched_only_when_its_condition_changes(
    app: Connection, admin: Connection, superuser: Connection, watch: Watch, events: Events
) -> None:
    def publish_with(when: str | None, uses: str) -> str:
        trigger = {"table": "public.t", "on": "insert", "for_each": "row"} | ({"when": when} if when else {})
        publish(
            admin,
            {"workflow": "w", "trigger": trigger, "steps": [{"id": "look", "query": f"select {uses}"}]},
        )
        return str(value(superuser, "select xmin from pg_trigger where tgname = 'dreamlit_w_insert'"))

    first = publish_with("new.n > 5", "1 as one")
    assert publish_with("new.n > 5", "2 as two") == first
    assert publish_with("new.n > 6", "2 as two") != first
    app.execute(INSERT.encode())
    assert ids(events) == []
    publish_with(None, "2 as two")
    assert not native(superuser)


def test_another_word_is_refused(watch: Watch) -> None:
    with pytest.raises(psycopg.Error, match=r"for_each.*neither row nor statement"):
        watch("public.t", for_each="batch")

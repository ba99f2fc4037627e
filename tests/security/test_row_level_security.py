"""Policies of the user's tables hold for a workflow's SQL: it runs as its publisher."""

from __future__ import annotations

import pytest
from tests.helpers import Connection, column, publish, rows, work
from tests.security.conftest import Publish, mail


@pytest.fixture
def notes(admin: Connection, mallory: Connection) -> None:
    """A table of admin's of which a policy shows mallory one row of three."""
    admin.execute("create table public.notes (id integer primary key, reader name, body text)")
    admin.execute(
        "insert into public.notes values (1, 'tests_mallory', 'mine'), (2, 'tests_admin', 'a'), (3, 'tests_admin', 'b')"
    )
    admin.execute("alter table public.notes enable row level security")
    admin.execute("create policy own on public.notes using (reader = current_user)")
    admin.execute("grant select on public.notes to tests_mallory")


def test_a_query_sees_the_rows_that_a_policy_shows_its_publisher(
    notes: None, mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure(
        {"id": "note", "query": "select n.body from public.notes n"},
        {"id": "tell", "slack": {"channel": "#all", "text": "{{ note.body }}"}},
    )
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 3)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["mine"]


def test_a_condition_with_a_subquery_sees_the_rows_that_a_policy_shows_its_publisher(
    notes: None, mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure(
        {"id": "one", "if": "(select count(*) from public.notes) = 1", "slack": {"channel": "#a", "text": "x"}},
        {"id": "more", "after": "trigger", "if": "(select count(*) from public.notes) > 1", "slack": {"channel": "#b", "text": "x"}},
    )  # fmt: skip
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 3)
    assert column(superuser, "select recipient from dreamlit.messages") == ["#a"]


def test_when_with_a_subquery_sees_the_rows_that_a_policy_shows_its_publisher_whoever_writes(
    notes: None, mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    """The superuser who writes sees all three."""
    lure(mail(), name="one", when="(select count(*) from public.notes) = 1")
    lure(mail(), name="more", when="(select count(*) from public.notes) > 1")
    superuser.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert column(superuser, "select distinct workflow from dreamlit.messages") == ["one"]


def test_a_wait_until_sees_the_rows_that_a_policy_shows_its_publisher(
    notes: None, mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure({"id": "nap", "wait": {"until": "now() + (select count(*) from public.notes) * interval '1 day'"}})
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert rows(superuser, "select from dreamlit.tasks where due_at - started_at < '2 days'")


def test_a_policy_that_changes_holds_at_once(
    notes: None, admin: Connection, mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure({"id": "note", "query": "select n.body from public.notes n"}, mail())
    admin.execute("drop policy own on public.notes")
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 3)
    assert column(superuser, "select recipient from dreamlit.messages") == []


OWNERS_QUERY = {"id": "note", "query": "select n.body from public.notes n"}


@pytest.mark.parametrize(("force", "seen"), [("no force", 3), ("force", 2)])
def test_a_publisher_who_owns_the_table_bypasses_its_policies_unless_they_are_forced(
    notes: None, admin: Connection, superuser: Connection, force: str, seen: int
) -> None:
    admin.execute(f"alter table public.notes {force} row level security".encode())
    admin.execute("create table public.ticks (id integer primary key)")
    publish(
        admin,
        {
            "workflow": "hello",
            "trigger": {"table": "public.ticks", "on": "insert"},
            "steps": [OWNERS_QUERY, mail()],
        },
    )
    admin.execute("insert into public.ticks values (1)")
    work(superuser, 3)
    assert column(superuser, "select count(*) from dreamlit.messages") == [seen]


def test_every_row_written_is_captured_whatever_a_policy_shows_the_publisher(
    notes: None, admin: Connection, mallory: Connection, superuser: Connection
) -> None:
    """PostgreSQL's triggers know no policies: let nobody put triggers on a table whose rows are not for them."""
    admin.execute("grant trigger on public.notes to tests_mallory")
    publish(
        mallory,
        {
            "workflow": "watch",
            "trigger": {"table": "public.notes", "on": "insert"},
            "steps": [{"id": "tell", "slack": {"channel": "#all", "text": "{{ trigger.body }}"}}],
        },
    )
    admin.execute("insert into public.notes values (4, 'tests_admin', 'hidden')")
    work(superuser, 2)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["hidden"]

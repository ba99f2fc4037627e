"""Everything is checked at publish: each fault with its place, a fact and a hint, all of them at once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.define.conftest import Definition, Faults, spoil
from tests.helpers import Connection, value

E0 = "steps.0.email"
EMAIL: dict[str, Any] = {"to": "a@example.com", "subject": "s", "text": "t"}

CASES: list[tuple[str, object, str, str, str]] = [
    # path, value, place, a part of the fact, a part of the hint
    ("workflow", "Not A Name", "workflow", "is no workflow name", "lower-case"),
    ("workflow", None, "workflow", "missing", "add workflow"),
    ("stepps", [], "stepps", "unknown key stepps", "did you mean steps?"),
    ("steps", [], "steps", "no list of steps", "at least one step"),
    ("steps.0", "greet", "steps[0]", "no mapping", "- id"),
    ("trigger", "users", "trigger", "no mapping", "table"),
    ("trigger.table", None, "trigger.table", "missing", "add table"),
    ("trigger.table", "public.user", "trigger.table", "there is no table public.user", "did you mean public.users?"),
    ("trigger.table", "dreamlit._runs", "trigger.table", "belongs to the engine", "of your own"),
    ("trigger.table", "pg_catalog.pg_class", "trigger.table", "belongs to the engine or the system", "of your own"),
    ("trigger.table", "public.a_view", "trigger.table", "no ordinary or partitioned table", "behind it"),
    ("trigger.table", "; drop table users", "trigger.table", "there is no table", "schema.table"),
    ("trigger.on", "insrt", "trigger.on", "is no change of a row", "did you mean insert?"),
    ("trigger.on", None, "trigger.on", "missing", "add on"),
    ("trigger.whan", "true", "trigger.whan", "unknown key", "did you mean when?"),
    ("trigger.columns", ["email"], "trigger.columns", "not on update", "add update"),
    ("trigger.when", "new.emial is not null", "trigger.when", "has no column emial", "did you mean email?"),
    ("trigger.when", "old.email is null", "trigger.when", "no old row on insert", "use trigger or new"),
    ("trigger.when", "new.id", "trigger.when", "is bigint, not boolean", "boolean"),
    ("trigger.when", "true; drop table public.users", "trigger.when", "syntax error", "one SQL expression"),
    ("trigger.when", "true) or (select true from", "trigger.when", "syntax error", ""),
    ("trigger.when", "", "trigger.when", "empty", "non-empty"),
    ("trigger.when", "no_such_function(new.id)", "trigger.when", "no_such_function", ""),
    ("trigger.key", "new.nothing", "trigger.key", "has no column nothing", ""),
    ("steps.0.id", None, "steps[0].id", "missing", "add id"),
    ("steps.0.id", "Greet", "steps[0].id", "is no step id", "lower-case"),
    ("steps.0.id", "select", "steps[0].id", "a word of SQL", "another id"),
    ("steps.0.id", "trigger", "steps[0].id", "of ours", "another id"),
    ("steps.0.id", "nap", "steps[0].id", "used 2 times", "of its own"),
    ("steps.1.after", "gret", "steps[1].after", "no step gret", "did you mean greet?"),
    ("steps.0.after", "nap", "steps[0].after", "comes after itself", "after trigger"),
    ("steps.0.emial", EMAIL, "steps[0].emial", "unknown key", "did you mean email?"),
    ("steps.0.wait", "1 day", "steps[0]", "wait and email at once", "one step each"),
    ("steps.0.email", None, "steps[0]", "does nothing", "wait"),
    ("steps.0.lane", "fast", "steps[0].lane", "is no lane", "urgent or bulk"),
    ("steps.0.attempts", 0, "steps[0].attempts", "attempts is 0", "1 to 50"),
    ("steps.0.attempts", "many", "steps[0].attempts", "many", "1 to 50"),
    ("steps.0.when_uncertain", "ask", "steps[0].when_uncertain", "uncertain", "hold or retry"),
    ("steps.1.wait", "soon", "steps[1].wait", "is no interval", "3 days"),
    ("steps.1.wait", "-1 day", "steps[1].wait", "negative", "positive"),
    ("steps.1.wait", 3, "steps[1].wait", "wait is 3", "interval"),
    ("steps.1.wait", {"untill": "now()"}, "steps[1].wait.untill", "unknown key", "did you mean until?"),
    ("steps.1.wait", {"until": "trigger.email"}, "steps[1].wait.until", "is text, not timestamp with time zone", ""),
    ("steps.1.wait", {"until": "trigger.seen"}, "steps[1].wait.until", "has no column seen", "seen_at"),
    ("steps.2.collect", "yes", "steps[2].collect", "collect is", "true or false"),
    ("steps.2.query", "select 1; select 2", "steps[2].query", "", "one SQL query"),
    ("steps.2.query", "select 1 as a) as dreamlit_row; drop table public.users; select * from (select 1", "steps[2].query", "syntax error", ""),
    ("steps.2.query", "insert into public.friends values (1) returning user_id", "steps[2].query", "syntax error", "only reads"),
    ("steps.2.query", "with d as (delete from public.friends returning *) select * from d", "steps[2].query", "data-modifying", ""),
    ("steps.2.query", "select f.name from public.friends f for update", "steps[2].query", "FOR UPDATE", ""),
    ("steps.2.query", "select count(*), 1 from public.friends", "steps[2].query", "without a name", "as name"),
    ("steps.2.query", "select 1 as a, 2 as a", "steps[2].query", "more than once", ""),
    ("steps.2.query", "select * from public.freinds", "steps[2].query", 'relation "public.freinds" does not exist', ""),
    ("steps.2.query", "select trigger.frist_name as n", "steps[2].query", "has no column frist_name", "did you mean first_name?"),
    ("steps.2.query", "select * from public.secrets", "steps[2].query", "permission denied", "as a role that may read"),
    ("steps.3.if", "friend.age > 3", "steps[3].if", "does not exist", ""),
    ("steps.3.if", "friend.name", "steps[3].if", "is text, not boolean", "boolean"),
    ("steps.4.if", "friend.name = 'x'", "steps[4].if", "friend", ""),
    ("steps.0.email.to", None, "steps[0].email.to", "missing", "add to"),
    ("steps.0.email.to", ["a@b.c"], "steps[0].email.to", "array, not a text", "non-empty text"),
    ("steps.0.email.text", None, "steps[0].email", "no body", "html, text or template"),
    ("steps.0.email.headers", {"Subject": "x"}, "steps[0].email.headers.Subject", "cannot be set", ""),
    ("steps.0.email.headers", {"X\r\nBcc": "x"}, "steps[0].email.headers.X\r\nBcc", "cannot be set", ""),
    ("steps.0.email.subject", "{{ trigger.frist_name }}", "steps[0].email.subject", "has no column frist_name", "did you mean first_name?"),
    ("steps.0.email.subject", "{{ trigger.email", "steps[0].email.subject", "", "template"),
    ("steps.0.email.subject", "{{ trigger.email|shout }}", "steps[0].email.subject", "shout", "template"),
    ("steps.0.email.subject", "{{ freind.name }}", "steps[0].email.subject", "nothing here is called freind", ""),
    ("steps.3.email.subject", "{{ friend.nmae }}", "steps[3].email.subject", "the step friend has no column nmae", "did you mean name?"),
    ("steps.4.slack", {"channel": "#all"}, "steps[4].slack", "is empty", "text, blocks"),
    ("steps.4.slack", {"text": "x", "blocks": {}}, "steps[4].slack.blocks", "no list", "blocks"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "spoilt", "place", "fact", "hint"), CASES)
def test_a_fault_is_told_with_its_place_a_fact_and_a_hint(
    admin: Connection, superuser: Connection, faults: Faults, welcome: Definition, path: str, spoilt: object,
    place: str, fact: str, hint: str,
) -> None:  # fmt: skip
    admin.execute("create view public.a_view as select * from public.users")
    superuser.execute("create table public.secrets (a int)")
    found = faults(spoil(welcome, path, spoilt))
    assert [entry for entry in found if entry[0] == place and fact in entry[1] and hint in entry[2]], found


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ friend.items }}", [("friend.items: friend is a list of rows", "use {% for row in friend %}, friend[0].column or friend|length")]),
        ("{{ friend[0].nmae }}", [("friend[0].nmae: the step friend has no column nmae", "did you mean name?")]),
        ("{{ friend[0].name }} {{ friend|length }} {% for f in friend %}{{ f.name }}{% endfor %} {{ friend[-1] }}", []),
    ],
    ids=["a name of the list", "a name of one of its rows", "what there is"],
)  # fmt: skip
def test_a_collected_query_is_a_list(
    faults: Faults, welcome: Definition, template: str, expected: list[tuple[str, str]]
) -> None:
    spoil(welcome, "steps.2.collect", True)
    spoil(welcome, "steps.3.email.to", "a@example.com")
    found = faults(spoil(welcome, "steps.3.email.subject", template))
    assert [entry[1:] for entry in found if entry[0] == "steps[3].email.subject"] == expected


def test_all_faults_are_told_at_once(faults: Faults, welcome: Definition) -> None:
    spoil(welcome, "trigger.when", "new.emial is null")
    spoil(welcome, "steps.0.email.subject", "{{ trigger.frist_name }}")
    spoil(welcome, "steps.3.if", "friend.age > 1")
    spoil(welcome, "steps.4.slack.text", "{{ x }")
    assert {fault[0] for fault in faults(welcome)} == {
        "trigger.when",
        "steps[0].email.subject",
        "steps[3].if",
        "steps[4].slack.text",
    }


def test_one_fault_is_told_once(faults: Faults, welcome: Definition) -> None:
    [fault] = faults(spoil(welcome, "steps.2.query", "select trigger.frist_name as name, trigger.email"))
    assert fault == (
        "steps[2].query",
        "trigger.frist_name: public.users has no column frist_name",
        "did you mean first_name?",
    )


def test_what_is_no_definition_at_all(faults: Faults) -> None:
    assert faults([])[0][1] == "the definition is no mapping"  # type: ignore[arg-type]


def test_a_bad_definition_changes_nothing(faults: Faults, welcome: Definition, superuser: Connection) -> None:
    def catalog() -> Any:
        return value(
            superuser,
            """select (select count(*) from pg_proc) || ' ' || (select count(*) from pg_type) || ' ' || (select count(*) from pg_trigger)
               || ' ' || (select count(*) from pg_class) || ' ' || (select count(*) from dreamlit._workflows)
               || ' ' || (select string_agg(nspacl::text, ' ') from pg_namespace)""",
        )

    before = catalog()
    faults(spoil(welcome, "steps.4.slack.text", "{{ trigger.nothing }}"))
    assert catalog() == before


def test_a_table_without_the_right_to_put_triggers(
    superuser: Connection, faults: Faults, welcome: Definition
) -> None:
    superuser.execute("create table public.theirs (id int, email text)")
    superuser.execute("grant select on public.theirs to tests_admin")
    found = faults(spoil(welcome, "trigger.table", "public.theirs"))
    assert (
        "trigger.table",
        "tests_admin may not put a trigger on public.theirs",
        "let its owner say: grant trigger on public.theirs to tests_admin",
    ) in found


def test_a_column_that_the_publisher_may_not_read_is_not_captured(
    superuser: Connection, faults: Faults, welcome: Definition
) -> None:
    superuser.execute("create table public.theirs (id bigint primary key, email text, first_name text)")
    superuser.execute("grant trigger, select (id, email) on public.theirs to tests_admin")
    found = faults(spoil(welcome, "trigger.table", "public.theirs"))
    assert [fault[0] for fault in found] == ["steps[0].email.subject"]
    assert "may not read first_name" in found[0][1]

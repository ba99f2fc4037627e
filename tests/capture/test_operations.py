"""What is captured of which change."""

from __future__ import annotations

import pytest
from tests.capture.conftest import Events, Watch
from tests.helpers import Connection, value

QUEUED = "select count(*) from pgmq.q_dreamlit_events"


@pytest.fixture(autouse=True)
def table(admin: Connection) -> None:
    admin.execute(
        "create table public.t (id int primary key, name text, secret text, doc json, at timestamptz default now())"
    )


def test_only_what_is_named_and_the_primary_key_is_captured(
    app: Connection, watch: Watch, events: Events
) -> None:
    watch("public.t", uses="trigger.name", when="new.name <> 'secret is in a literal'")
    app.execute("insert into public.t values (1, 'Ann', 'hush')")
    assert events()[0]["trigger"] == {"id": 1, "name": "Ann"}


def test_a_workflow_that_uses_the_whole_row_captures_all(
    app: Connection, watch: Watch, events: Events
) -> None:
    watch("public.t", uses="to_jsonb(trigger)")
    app.execute("insert into public.t values (1, 'Ann', 'hush', null, null)")
    assert events()[0]["trigger"] == {"id": 1, "name": "Ann", "secret": "hush", "doc": None, "at": None}


def test_updates_of_other_columns_start_nothing(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", "update", uses="old.name, trigger.name as now", columns=["name", "doc"])
    app.execute("""insert into public.t values (1, 'Ann', 'a', '{"a": 1}')""")
    app.execute("update public.t set secret = 'b'")
    app.execute("update public.t set name = 'Ann'")
    app.execute("update public.t set name = 'Bob'")
    app.execute("""update public.t set doc = '{"a": 2}'""")
    app.execute("update public.t set name = null")
    assert [(event["old"]["name"], event["trigger"]["name"]) for event in events()] == [
        ("Ann", "Bob"),
        ("Bob", "Bob"),
        ("Bob", None),
    ]


def test_the_condition_sees_new_and_old(app: Connection, watch: Watch, events: Events) -> None:
    condition = "new.name = 'go' or old.name = 'stop'"
    watch("public.t", ["insert", "update", "delete"], uses="trigger.name", when=condition)
    app.execute("insert into public.t values (1, 'go'), (2, 'stop'), (3, null)")
    app.execute("update public.t set name = name || '!'")
    app.execute("delete from public.t")
    assert [(event["operation"], event["trigger"]["id"]) for event in events()] == [
        ("insert", 1),
        ("update", 2),
    ]


def test_keys_are_captured(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", key="new.id + 1")
    app.execute("insert into public.t values (1), (2)")
    assert [event["key"] for event in events()] == ["2", "3"]


def test_copy(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", uses="trigger.name")
    with app.cursor().copy("copy public.t (id, name) from stdin") as copy:
        for number in range(3):
            copy.write_row((number, f"n{number}"))
    assert [event["trigger"]["name"] for event in events()] == ["n0", "n1", "n2"]


def test_on_conflict_tells_inserts_from_updates(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", ["insert", "update"], uses="trigger.name")
    app.execute("insert into public.t values (1, 'Ann')")
    app.execute(
        "insert into public.t values (1, 'x'), (2, 'Bob') on conflict (id) do update set name = excluded.name || '2'"
    )
    assert sorted((event["operation"], event["trigger"]["name"]) for event in events()) == [
        ("insert", "Ann"),
        ("insert", "Bob"),
        ("update", "x2"),
    ]


def test_merge(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", ["insert", "update", "delete"], uses="trigger.name")
    app.execute("insert into public.t values (1, 'Ann'), (2, 'Bob')")
    app.execute(
        """merge into public.t using (values (1, 'A'), (2, null), (3, 'C')) as s(id, name) on t.id = s.id
           when matched and s.name is null then delete
           when matched then update set name = s.name
           when not matched then insert (id, name) values (s.id, s.name)"""
    )
    assert sorted((event["operation"], event["trigger"]["name"]) for event in events()[2:]) == [
        ("delete", "Bob"),
        ("insert", "C"),
        ("update", "A"),
    ]


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1000, 1001])
def test_every_row_of_a_statement_is_captured_once_and_in_order(
    app: Connection, watch: Watch, events: Events, superuser: Connection, count: int
) -> None:
    watch("public.t", uses="trigger.name", when="new.id %% 2 = 0".replace("%%", "%"))
    app.execute(f"insert into public.t (id) select generate_series(1, {count})".encode())
    assert [event["trigger"]["id"] for event in events()] == list(range(2, count + 1, 2))
    assert value(superuser, QUEUED) <= count // 500 + 1


def test_a_hundred_thousand_rows(app: Connection, watch: Watch, superuser: Connection) -> None:
    watch("public.t", uses="trigger.name")
    app.execute("insert into public.t (id) select generate_series(1, 100000)")
    app.execute("delete from public.t")
    assert value(superuser, QUEUED) == 200
    assert (
        value(superuser, "select sum(jsonb_array_length(message -> 'events')) from pgmq.q_dreamlit_events")
        == 100000
    )


def test_a_statement_without_rows_leaves_no_trace(
    app: Connection, watch: Watch, superuser: Connection
) -> None:
    watch("public.t", ["insert", "update", "delete"])
    app.execute("insert into public.t (id) select 1 where false")
    app.execute("update public.t set name = 'x'")
    app.execute("delete from public.t")
    app.execute("truncate public.t")
    assert value(superuser, QUEUED) == 0


def test_several_workflows_on_one_table(app: Connection, watch: Watch, events: Events) -> None:
    watch("public.t", uses="trigger.name", name="one")
    watch("public.t", "delete", uses="old.secret", name="two")
    app.execute("insert into public.t values (1, 'Ann', 'hush')")
    app.execute("delete from public.t")
    assert [event["trigger"]["name"] for event in events("one")] == ["Ann"]
    assert [event["old"] for event in events("two")] == [{"secret": "hush"}]


def test_replicated_changes_fire_no_trigger(app: Connection, superuser: Connection, watch: Watch) -> None:
    watch("public.t")
    superuser.execute("set session_replication_role = replica")
    superuser.execute("insert into public.t values (1)")
    assert value(superuser, QUEUED) == 0


def test_renamed_columns_are_captured_under_their_old_names(
    admin: Connection, app: Connection, watch: Watch, events: Events
) -> None:
    watch(
        "public.t",
        ["insert", "update", "delete"],
        uses="trigger.name, old.secret",
        when="coalesce(new.name, old.name) <> ''",
    )
    admin.execute("alter table public.t rename column name to full_name")
    admin.execute("alter table public.t rename to people")
    app.execute(
        "insert into public.people (id, full_name) select g, 'n' || g from generate_series(1, 501) as g"
    )
    app.execute("update public.people set full_name = 'Bob', secret = 's' where id = 1")
    app.execute("delete from public.people where id = 1")
    found = events()
    assert [event["trigger"] for event in found[:2]] == [{"id": 1, "name": "n1"}, {"id": 2, "name": "n2"}]
    assert len(found) == 503
    assert [(event["operation"], event["trigger"], event["old"]["secret"]) for event in found[501:]] == [
        ("update", {"id": 1, "name": "Bob"}, None),
        ("delete", {"id": 1, "name": "Bob"}, "s"),
    ]


def test_swapped_names_follow_the_columns(
    admin: Connection, app: Connection, watch: Watch, events: Events
) -> None:
    watch("public.t", ["insert", "update"], uses="trigger.name")
    for renaming in ("name to was", "secret to name", "was to secret"):
        admin.execute(f"alter table public.t rename column {renaming}".encode())
    app.execute("insert into public.t (id, secret, name) values (1, 'Ann', 'hush')")
    app.execute("update public.t set secret = 'Bob'")
    assert [event["trigger"]["name"] for event in events()] == ["Ann", "Bob"]

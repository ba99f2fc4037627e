"""Any table can be watched: whatever its columns are called, of whatever type they are, however it is stored."""

from __future__ import annotations

import pytest
from tests.capture.conftest import Events, Watch
from tests.helpers import Connection

NAMES = [
    "trigger", "new", "old", "n", "s", "e", "part", "item", "select", "events", "dreamlit_row", "trigger_row", "Mixed Case",
    "with%percent", "with'quote", 'with"double', "with.dot", "x" * 63, "ünïcode",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_column_may_be_called_anything(
    admin: Connection, app: Connection, watch: Watch, events: Events, name: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    admin.execute(f"create table public.odd (id int primary key, {quoted} text)".encode())
    watch(
        "public.odd",
        ["insert", "update", "delete"],
        uses=f"trigger.{quoted}",
        when=f"coalesce(new.{quoted}, old.{quoted}) <> ''",
    )
    app.execute("insert into public.odd values (1, 'a'), (2, '')")
    app.execute(f"update public.odd set {quoted} = 'b' where id = 1".encode())
    app.execute(b"delete from public.odd")
    assert [(event["operation"], event["trigger"][name], event["error"]) for event in events()] == [
        ("insert", "a", None),
        ("update", "b", None),
        ("delete", "b", None),
    ]


@pytest.mark.parametrize(
    "table", ['"Odd Table"', '"a.b"', '"100%"', '"o\'clock"', '"select"', '"sch ema"."t"']
)
def test_a_table_may_be_called_anything(
    admin: Connection, app: Connection, watch: Watch, events: Events, table: str
) -> None:
    admin.execute(b'create schema if not exists "sch ema"')
    admin.execute(b'grant usage on schema "sch ema" to tests_app')
    full = table if '"."' in table else f"public.{table}"
    admin.execute(f"create table {full} (id int primary key, name text)".encode())
    watch(full, uses="trigger.name")
    app.execute(f"insert into {full} values (1, 'Ann')".encode())
    assert events()[0]["trigger"] == {"id": 1, "name": "Ann"}


@pytest.mark.parametrize(
    ("kind", "written", "captured"),
    [
        ("int[]", "'{1,2}'", [1, 2]),
        ("text[]", "array['a', null]", ["a", None]),
        ("numeric", "'NaN'", "NaN"),
        ("numeric(10,2)", "19.90", 19.90),
        ("double precision", "'Infinity'", "Infinity"),
        ("timestamptz", "'infinity'", "infinity"),
        ("timestamptz", "'2024-02-29 12:00+00'", "2024-02-29T12:00:00+00:00"),
        ("date", "'2024-02-29'", "2024-02-29"),
        ("bytea", r"'\xdeadbeef'", r"\xdeadbeef"),
        ("int4range", "'[1,5)'", "[1,5)"),
        ("jsonb", """'{"a": [1]}'""", {"a": [1]}),
        ("json", """'{"a": 1}'""", {"a": 1}),
        ("uuid", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
        ("boolean", "null", None),
        ("interval", "'1 day'", "1 day"),
        ("inet", "'10.0.0.1'", "10.0.0.1"),
        ("point", "'(1,2)'", "(1,2)"),
        ("xml", "'<a/>'", "<a/>"),
        ("public.mood", "'sad'", "sad"),
        ("public.pair", "'(1,x)'", {"a": 1, "b": "x"}),
        ("public.positive", "3", 3),
        ("public.positive[]", "'{3}'", [3]),
        ("text", "'🎉 עברית'", "🎉 עברית"),
    ],
)
def test_a_column_may_be_of_any_type(
    admin: Connection,
    app: Connection,
    watch: Watch,
    events: Events,
    kind: str,
    written: str,
    captured: object,
) -> None:
    admin.execute(b"create type public.mood as enum ('sad', 'happy')")
    admin.execute(b"create type public.pair as (a int, b text)")
    admin.execute(b"create domain public.positive as int not null check (value > 0)")
    admin.execute(f"create table public.t (id int primary key, c {kind})".encode())
    watch("public.t", ["insert", "update"], uses="trigger.c::text, old.c::text as before", columns=["c"])
    app.execute(f"insert into public.t values (1, {written})".encode())
    app.execute(f"update public.t set c = {written}".encode())
    [event] = events()
    assert event["trigger"] == {"id": 1, "c": captured}


def test_generated_and_dropped_columns(
    admin: Connection, app: Connection, watch: Watch, events: Events, superuser: Connection
) -> None:
    admin.execute(
        "create table public.t (gone int, a int primary key, b int generated always as (a * 2) stored, c int)"
    )
    admin.execute("alter table public.t drop column gone")
    watch("public.t", uses="trigger.b")
    app.execute("insert into public.t (a) values (4)")
    admin.execute("alter table public.t drop column c")
    admin.execute("alter table public.t add column d int default 3")
    app.execute("insert into public.t (a) values (5)")
    assert [event["trigger"] for event in events()] == [{"a": 4, "b": 8}, {"a": 5, "b": 10}]


def test_no_primary_key_and_nothing_used(
    admin: Connection, app: Connection, watch: Watch, events: Events
) -> None:
    admin.execute("create table public.t (a int)")
    watch("public.t", ["insert", "update", "delete"])
    app.execute("insert into public.t values (1), (2)")
    app.execute("delete from public.t where a = 1")
    assert [(event["operation"], event["trigger"]) for event in events()] == [
        ("insert", {}),
        ("insert", {}),
        ("delete", {}),
    ]


PARTITIONED = """
    create table public.t (id int, region text, name text) partition by list (region);
    create table public.t_eu partition of public.t for values in ('eu');
    create table public.t_us (name text, gone int, region text, id int);
    alter table public.t_us drop column gone;
    alter table public.t attach partition public.t_us for values in ('us');
"""


@pytest.mark.parametrize("table", ["t", "t_eu", "t_us", "t_asia"])
def test_partitions_written_through_the_parent_and_straight(
    admin: Connection, app: Connection, watch: Watch, events: Events, table: str
) -> None:
    admin.execute(PARTITIONED)
    watch(
        "public.t",
        ["insert", "update", "delete"],
        uses="trigger.name, old.name as was",
        when="coalesce(new.id, old.id) > 0",
    )
    admin.execute("create table public.t_asia partition of public.t for values in ('asia')")
    region = {"t": "us", "t_eu": "eu", "t_us": "us", "t_asia": "asia"}[table]
    app.execute(f"insert into public.{table} (id, region, name) values (1, '{region}', 'Ann')".encode())
    app.execute(f"update public.{table} set name = 'Bob'".encode())
    app.execute(f"delete from public.{table}".encode())
    found = events()
    assert [(event["operation"], event["trigger"]["name"]) for event in found] == [
        ("insert", "Ann"),
        ("update", "Bob"),
        ("delete", "Bob"),
    ]
    assert [event["old"]["name"] for event in found[1:]] == ["Ann", "Bob"]


def test_a_single_partition_can_be_watched(
    admin: Connection, app: Connection, watch: Watch, events: Events
) -> None:
    admin.execute(PARTITIONED)
    watch("public.t_us", uses="trigger.name")
    app.execute("insert into public.t values (1, 'us', 'Ann'), (2, 'eu', 'Bob')")
    assert [event["trigger"] for event in events()] == [{"name": "Ann"}]


def test_a_parent_by_inheritance_captures_its_own_rows(
    admin: Connection, app: Connection, watch: Watch, events: Events
) -> None:
    admin.execute("create table public.t (id int primary key, name text)")
    admin.execute("create table public.child (extra int) inherits (public.t)")
    watch("public.t", uses="trigger.name")
    app.execute("insert into public.t values (1, 'Ann')")
    app.execute("insert into public.child values (2, 'Bob', 3)")
    assert [event["trigger"]["name"] for event in events()] == ["Ann"]

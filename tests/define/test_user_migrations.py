"""A guest in somebody's database: renames are followed, drops of what is used refused, everything else let alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.helpers import Connection, column, publish, rows, value, work

from dreamlit_pg.cluster import Cluster
from dreamlit_pg.migration_check import split

PAGE = Path(__file__).parents[2] / "docs" / "schema-changes.md"

pytestmark = pytest.mark.usefixtures("tables")


@pytest.fixture(autouse=True)
def published(admin: Connection, tables: None) -> None:
    publish(
        admin,
        {
            "workflow": "w",
            "trigger": {"table": "public.users", "on": ["insert", "update"], "when": "new.email is not null", "columns": ["email"]},
            "steps": [
                {"id": "friend", "query": "select f.name from public.friends f where f.user_id = trigger.id"},
                {"id": "tell", "slack": {"text": "{{ trigger.email }} {{ friend.name }}"}},
            ],
        },
    )  # fmt: skip
    admin.execute("insert into public.friends values (1, null, 'Bob')")


def _sent(superuser: Connection) -> list[str]:
    work(superuser, 4)
    return column(superuser, "select content ->> 'text' from dreamlit.messages order by message_id")


@pytest.mark.parametrize(
    ("migration", "insert"),
    [
        ("alter table public.users rename column email to mail", "public.users (id, mail)"),
        ("alter table public.users rename to people", "public.people (id, email)"),
        ("create schema app; grant usage on schema app to tests_app; alter table public.users set schema app", "app.users (id, email)"),
        ("alter table public.friends rename column name to full_name", "public.users (id, email)"),
        ("alter table public.friends rename to mates", "public.users (id, email)"),
        ("alter table public.users add column extra int not null default 3", "public.users (id, email)"),
        ("alter table public.users drop column first_name", "public.users (id, email)"),
        ("alter table public.users alter column done type text", "public.users (id, email)"),
        ("alter table public.users add column token uuid default gen_random_uuid()", "public.users (id, email)"),
        ("alter table public.friends alter column email type varchar(10)", "public.users (id, email)"),
        ("alter table public.users alter column email set not null", "public.users (id, email)"),
        ("alter table public.users add constraint c check (email <> '')", "public.users (id, email)"),
        ("create index on public.users (email)", "public.users (id, email)"),
    ],
)  # fmt: skip
def test_a_migration_goes_through_and_the_workflow_goes_on(
    admin: Connection, app: Connection, superuser: Connection, migration: str, insert: str
) -> None:
    admin.execute(migration.encode())
    app.execute(f"insert into {insert} values (1, 'ann@example.com')".encode())
    assert _sent(superuser) == ["ann@example.com Bob"]


@pytest.mark.parametrize(
    "migration",
    [
        "alter table public.users drop column email",
        "alter table public.users drop column id",
        "alter table public.users alter column email type varchar(100)",
        "alter table public.friends drop column name",
        "alter table public.friends alter column user_id type int",
        "drop table public.friends",
    ],
)
def test_what_would_break_the_workflow_is_refused_and_named(admin: Connection, migration: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        admin.execute(migration.encode())
    assert "dreamlit_workflows.w_" in str(raised.value.diag.message_detail)


# Through with the workflows detached; each of these stands in docs/schema-changes.md.


@pytest.mark.parametrize(
    ("table", "migration", "insert"),
    [
        pytest.param("users", "alter table public.users alter column email type varchar(100)", "public.users", id="type of a captured column"),
        pytest.param("friends", "alter table public.friends alter column user_id type int", "public.users", id="type of a column that a query reads"),
        pytest.param("users", "alter table public.users drop column email; alter table public.users add column email text", "public.users", id="column made anew"),
        pytest.param(
            "users",
            "drop table public.users; create table public.users (id bigint primary key, email text, done boolean)", "public.users",
            id="watched table made anew",
        ),
        pytest.param(
            "friends",
            "create table public.kept as table public.friends; drop table public.friends; alter table public.kept rename to friends", "public.users",
            id="queried table made anew",
        ),
        pytest.param(
            "users",
            "alter table public.users rename to users_old;"
            " create table public.users (like public.users_old including all) partition by range (id);"
            " alter table public.users attach partition public.users_old for values from (0) to (100);"
            " create table public.users_new partition of public.users for values from (100) to (200)", "public.users",
            id="watched table partitioned",
        ),
        pytest.param(
            "users",
            "create table public.everybody (like public.users including all) partition by range (id);"
            " alter table public.everybody attach partition public.users for values from (0) to (200)", "public.everybody",
            id="watched table attached as a partition",
        ),
    ],
)  # fmt: skip
def test_a_migration_goes_through_with_the_workflow_detached(
    admin: Connection, app: Connection, superuser: Connection, table: str, migration: str, insert: str
) -> None:
    found = rows(
        admin,
        "select * from dreamlit.with_workflows_detached(%s::regclass, %s)",
        f"public.{table}",
        migration,
    )
    assert found == [{"workflow": "w", "version": 1}]
    app.execute(
        f"insert into {insert} (id, email) values (1, 'ann@example.com'), (101, 'bea@example.com')".encode()
    )
    app.execute(f"update {insert} set email = 'ann@example.org' where id = 1".encode())
    app.execute(f"update {insert} set done = true where id = 1".encode())
    admin.execute("insert into public.friends values (101, null, 'Cy')")
    assert sorted(_sent(superuser)) == ["ann@example.com Bob", "ann@example.org Bob", "bea@example.com Cy"]
    assert (
        rows(superuser, "select * from dreamlit.doctor() where name like 'workflow%' and state <> 'ok'") == []
    )


def test_attaching_as_a_partition_by_itself_is_seen_by_the_doctor_and_mended_afterwards(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create table public.everybody (like public.users including all) partition by range (id)")
    admin.execute("alter table public.everybody attach partition public.users for values from (0) to (200)")
    mend = value(admin, "select mend from dreamlit.doctor() where name = 'workflow w' and state = 'critical'")
    assert mend == "select * from dreamlit.with_workflows_detached('public.users', 'select 1')"
    admin.execute(mend.encode())
    app.execute("insert into public.everybody (id, email) values (1, 'ann@example.com')")
    assert _sent(superuser) == ["ann@example.com Bob"]


def test_a_view_that_a_query_reads_can_be_replaced_or_made_anew(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create view public.mates as select f.user_id, f.name as label from public.friends f")
    mate = {"id": "mate", "query": "select m.label from public.mates m where m.user_id = trigger.id"}
    trigger = {"table": "public.users", "on": "insert"}
    publish(
        admin,
        {
            "workflow": "w",
            "trigger": trigger,
            "steps": [mate, {"id": "say", "slack": {"text": "{{ mate.label }}"}}],
        },
    )
    admin.execute(
        "create or replace view public.mates as select f.user_id, upper(f.name) as label, f.email from public.friends f"
    )
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        admin.execute("drop view public.mates")
    migration = "drop view public.mates; create view public.mates as select f.name || '!' as label, f.user_id from public.friends f"
    admin.execute("select dreamlit.with_workflows_detached('public.mates', %s)", [migration])
    app.execute("insert into public.users (id) values (1)")
    assert _sent(superuser) == ["Bob!"]


def test_a_function_that_a_query_calls_can_be_replaced_or_made_anew(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create function public.greet() returns text language sql stable as 'select $$Hi$$'")
    word = {"id": "word", "query": "select public.greet() as text"}
    trigger = {"table": "public.users", "on": "insert"}
    publish(
        admin,
        {
            "workflow": "w",
            "trigger": trigger,
            "steps": [word, {"id": "say", "slack": {"text": "{{ word.text }}"}}],
        },
    )
    admin.execute(
        "create or replace function public.greet() returns text language sql stable as 'select $$Hello$$'"
    )
    app.execute("insert into public.users (id) values (1)")
    assert _sent(superuser) == ["Hello"]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        admin.execute("drop function public.greet()")
    migration = "drop function public.greet(); create function public.greet() returns varchar language sql stable as 'select $$Hey$$'"
    admin.execute("select dreamlit.with_workflows_detached(null, %s)", [migration])
    app.execute("insert into public.users (id) values (2)")
    assert _sent(superuser) == ["Hello", "Hey"]


def test_a_used_column_goes_once_a_definition_without_it_is_published(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    work(superuser)
    tell = {"id": "tell", "slack": {"text": "user {{ trigger.id }}"}}
    publish(admin, {"workflow": "w", "trigger": {"table": "public.users", "on": "insert"}, "steps": [tell]})
    drop = "alter table public.users drop column email"
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):  # version 1 has a run
        admin.execute(drop.encode())
    admin.execute("select dreamlit.with_workflows_detached('public.users', %s)", [drop])
    app.execute("insert into public.users (id) values (2)")
    assert sorted(_sent(superuser)) == ["ann@example.com Bob", "user 2"]


def test_an_enumerated_type_is_exchanged_with_the_drop_after_it(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute(
        "create type public.plan as enum ('free', 'paid'); alter table public.users add column plan public.plan"
    )
    tell = {"id": "tell", "if": "trigger.plan = 'paid'", "slack": {"text": "{{ trigger.plan }}"}}
    publish(admin, {"workflow": "w", "trigger": {"table": "public.users", "on": "insert"}, "steps": [tell]})
    migration = (
        "create type public.tier as enum ('paid', 'gold');"
        " alter table public.users alter column plan type public.tier using plan::text::public.tier"
    )
    admin.execute("select dreamlit.with_workflows_detached('public.users', %s)", [migration])
    admin.execute("drop type public.plan")
    app.execute("insert into public.users (id, plan) values (1, 'paid'), (2, 'gold')")
    assert _sent(superuser) == ["paid"]


def test_a_refused_type_change_is_possible_between_unpublishing_and_publishing(admin: Connection) -> None:
    definition = value(admin, "select definition from dreamlit.workflows")
    admin.execute("select dreamlit.unpublish('w')")
    admin.execute("alter table public.users alter column email type varchar(100)")
    assert publish(admin, definition) == 2


def test_runs_that_wait_keep_their_keys_through_a_rename(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    admin.execute("alter table public.users rename column email to mail")
    assert _sent(superuser) == ["ann@example.com Bob"]


def test_a_restored_dump_captures_and_delivers(
    cluster: Cluster, database: str, app: Connection, superuser: Connection
) -> None:
    app.execute("insert into public.users (id, email) values (1, 'before@example.com')")
    name = f"{conninfo_to_dict(database)['dbname']}_restored"
    cluster.create_database(name)
    try:
        dump = subprocess.run(
            [str(cluster.bin / "pg_dump"), make_conninfo(database)], check=True, capture_output=True
        )
        restored = cluster.dsn(name)
        psql = [str(cluster.bin / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", make_conninfo(restored)]
        subprocess.run(psql, input=dump.stdout, check=True, capture_output=True)
        with psycopg.connect(restored, autocommit=True) as other:
            other.execute("insert into public.users (id, email) values (2, 'after@example.com')")
            other.execute("insert into public.friends values (2, null, 'Cy')")
            assert _sent(other) == ["before@example.com Bob", "after@example.com Cy"]
            faults = rows(
                other, "select * from dreamlit.doctor() where name like 'workflow%' and state <> 'ok'"
            )
            assert faults == []
    finally:
        cluster.drop_database(name)


def test_after_a_drop_with_cascade_the_doctor_is_critical_and_publishing_without_the_column_mends(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("alter table public.users drop column email cascade")
    found = column(
        admin, "select detail from dreamlit.doctor() where name = 'workflow w' and state = 'critical'"
    )
    assert "a captured column has been dropped with cascade: its runs start as failed" in found
    tell = {"id": "tell", "slack": {"text": "user {{ trigger.id }}"}}
    publish(admin, {"workflow": "w", "trigger": {"table": "public.users", "on": "insert"}, "steps": [tell]})
    app.execute("insert into public.users (id) values (2)")
    assert _sent(superuser) == ["user 2"]


def test_every_statement_of_the_page_runs(admin: Connection) -> None:
    admin.execute("select dreamlit.unpublish('w'); drop table public.users, public.friends")
    blocks = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 8
    for _, statement in split("\n".join(blocks)):
        admin.execute(statement.encode())
    assert (
        rows(admin, "select * from dreamlit.doctor() where name like 'workflow%' and state = 'critical'")
        == []
    )

"""A guest in somebody's database: renames are followed, drops of what is used refused, everything else let alone."""

from __future__ import annotations

import subprocess

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.helpers import Connection, column, publish, rows, value, work

from dreamlit_pg.cluster import Cluster

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

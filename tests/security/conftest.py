"""Roles that mean harm, and a table that tells whom their code ran as."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.conftest import Connect
from tests.helpers import Connection, column, publish

Query = dict[str, object]
Publish = Callable[..., int]

SUPABASE = ("anon", "authenticated", "service_role")
"""The roles that Supabase's API acts as; here they can log in, so that tests can be them."""


def make_role(superuser: Connection, name: str, options: str = "") -> None:
    """Roles outlive a test's database, and another worker's test may have made this one."""
    with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        superuser.execute(f"create role {name} login {options}".encode())


def as_role(dsn: str, role: str) -> Connection:
    """A session of a role that the fixture `connect` does not know; the caller closes it."""
    return psycopg.connect(make_conninfo(dsn, user=role), autocommit=True)


@pytest.fixture
def mallory(superuser: Connection, connect: Connect) -> Connection:
    """Another publisher, who owns the schema lair and may publish on his own table public.bait."""
    make_role(superuser, "tests_mallory", "in role dreamlit_admin")
    superuser.execute("create schema lair authorization tests_mallory")
    superuser.execute("create table public.loot (ran_as name, what text)")
    superuser.execute("grant insert, select on public.loot to public")
    mallory = connect("mallory")
    mallory.execute("grant usage on schema lair to public")
    mallory.execute("create table lair.bait (id integer primary key)")
    return mallory


@pytest.fixture
def lure(mallory: Connection) -> Publish:
    """Publishes a workflow of mallory's on lair.bait with these steps."""

    def lure(*steps: Mapping[str, object], name: str = "lure", **trigger: object) -> int:
        return publish(
            mallory,
            {
                "workflow": name,
                "trigger": {"table": "lair.bait", "on": "insert", **trigger},
                "steps": list(steps),
            },
        )

    return lure


def steal(connection: Connection, signature: str, result: str = "integer", answer: str = "1") -> None:
    """A function that notes whom it ran as."""
    connection.execute(
        f"create function {signature} returns {result} language plpgsql as"
        f" $$ begin insert into public.loot values (current_user, '{signature}'); return {answer}; end $$".encode()
    )


def ran_as(superuser: Connection) -> set[str]:
    """The roles that code of mallory's has run as."""
    return set(column(superuser, "select distinct ran_as::text from public.loot"))


def mail(step: str = "mine") -> dict[str, object]:
    """An email step that reads nothing."""
    return {"id": step, "email": {"to": "m@example.com", "subject": "Hi", "text": "Hello"}}

"""One database for a whole table of cases: each case publishes and rolls back, or has rows and names of its own."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from tests.conftest import BASE, ROLES, _let_admin_create_schemas
from tests.helpers import Connection, rows, value, work

from dreamlit_pg.cluster import SUPERUSER, Cluster

Definition = dict[str, Any]
_numbers = itertools.count(1)

TABLES = """
create table public.users (
  id bigint primary key, email text, first_name text, done boolean, seen_at timestamptz, born date, visits integer);
create table public.friends (user_id bigint, email text, name text);
create sequence public.counter;
create type public.mood as enum ('sad', 'happy 😀');
create type public.pair as (a integer, b text);
create domain public.positive as integer check (value > 0);
"""

SOUND: Definition = {
    "workflow": "hello",
    "trigger": {"table": "public.users", "on": "insert"},
    "steps": [{"id": "greet", "email": {"to": "{{ trigger.email }}", "subject": "Hi", "text": "Hello"}}],
}


@dataclass(frozen=True)
class Fault:
    """One fault of a definition, as DL001 tells it."""

    place: str
    fact: str
    hint: str


@dataclass(frozen=True)
class Outcome:
    """What became of one row: its run, and the contents that a sender claimed for it."""

    state: str
    error: dict[str, Any] | None
    waits_until: str | None
    contents: list[dict[str, Any]]


def changed(**changes: object) -> Definition:
    """The sound definition with some of it changed: steps__0__email__to="x"."""
    definition = copy.deepcopy(SOUND)
    for path, new in changes.items():
        *way, last = path.split("__")
        node: Any = definition
        for word in way:
            node = node[int(word)] if word.isdigit() else node[word]
        node[last] = new
    return definition


class House:
    """A database with an application in it, and the sessions of everybody who uses it."""

    def __init__(self, dsn: str, stack: ExitStack) -> None:
        self._dsn = dsn
        self.superuser = stack.enter_context(psycopg.connect(self.dsn_of("superuser"), autocommit=True))
        self.admin, self.app, self.sender, self.reader = (
            stack.enter_context(psycopg.connect(self.dsn_of(role), autocommit=True))
            for role in ("admin", "app", "sender", "reader")
        )
        self.admin.execute(TABLES.encode())

    def dsn_of(self, role: str) -> str:
        """The dsn for a role that users have, or for the superuser."""
        return make_conninfo(self._dsn, user=f"tests_{role}" if role in ROLES else SUPERUSER)

    def try_publishing(self, definition: Mapping[str, Any] | str) -> None:
        """Publish and roll back."""
        text = definition if isinstance(definition, str) else json.dumps(definition)
        with self.admin.transaction(force_rollback=True):
            self.admin.execute("select * from dreamlit.publish(%s::jsonb)", [text])

    def faults(self, definition: Mapping[str, Any] | str) -> list[Fault]:
        """The faults of a definition; every one must have a fact and a hint."""
        with pytest.raises(psycopg.Error) as raised:
            self.try_publishing(definition)
        assert raised.value.sqlstate == "DL001", raised.value
        assert raised.value.diag.message_hint
        found = [Fault(**fault) for fault in json.loads(raised.value.diag.message_detail or "[]")]
        assert found
        assert all(fault.fact and fault.hint for fault in found)
        return found

    def assert_fault(
        self, definition: Mapping[str, Any] | str, place: str, fact: str, hint: str = ""
    ) -> None:
        """One of the faults stands at that place and holds these words."""
        found = self.faults(definition)
        assert [one for one in found if one.place == place and fact in one.fact and hint in one.hint], found

    def watch(self, columns: str, steps: list[Mapping[str, Any]], **trigger: object) -> str:
        """A table of its own with a workflow of the same name; returns the name."""
        name = f"case{next(_numbers)}"
        self.admin.execute(f"create table public.{name} (id integer primary key, {columns})".encode())
        definition = {
            "workflow": name,
            "trigger": {"table": f"public.{name}", "on": "insert", **trigger},
            "steps": steps,
        }
        self.admin.execute("select dreamlit.publish(%s::jsonb)", [json.dumps(definition)])
        return name

    def insert(self, name: str, *values: str) -> None:
        """The application writes a row: SQL literals behind the id."""
        last = value(self.app, f"select coalesce(max(id), 0) + 1 from public.{name}")
        self.app.execute(f"insert into public.{name} values ({', '.join([str(last), *values])})".encode())

    def outcome(self, name: str) -> Outcome:
        """Let the worker pass; returns what became of the last row of a workflow's table."""
        work(self.admin, 2)
        [run] = rows(
            self.reader,
            "select run_id, state, last_error, waits_until::text from dreamlit.runs"
            " where workflow = %s order by run_id desc limit 1",
            name,
        )
        claimed = self.claim()
        ids = rows(
            self.superuser,
            "select message_id from dreamlit.messages where run_id = %s order by message_id",
            run["run_id"],
        )
        contents = [claimed[row["message_id"]] for row in ids]
        return Outcome(run["state"], run["last_error"], run["waits_until"], contents)

    def claim(self) -> dict[int, dict[str, Any]]:
        """What a sender is given now: contents by message id."""
        found = rows(
            self.sender, "select message_id, content from dreamlit.claim('email', 'bad input', 1000)"
        )
        return {row["message_id"]: row["content"] for row in found}


@pytest.fixture(scope="module")
def house(cluster: Cluster, postgresql_base: NoopExecutor) -> Iterator[House]:
    """This module's own database."""
    dbname = f"bad_input_{next(_numbers)}_{id(cluster)}"
    dsn = cluster.create_database(dbname, template=BASE)
    _let_admin_create_schemas(cluster, dbname)
    with ExitStack() as stack:
        yield House(dsn, stack)
    cluster.drop_database(dbname)


def only(found: list[Any]) -> Any:
    """The one member of a list."""
    assert len(found) == 1, found
    return found[0]


__all__ = ["Connection", "Definition", "Fault", "House", "Outcome", "changed", "only"]

"""Definitions to publish and to spoil."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, publish

Definition = dict[str, Any]
Faults = Callable[[Definition], list[tuple[str, str, str]]]


@pytest.fixture
def tables(admin: Connection) -> None:
    admin.execute(
        "create table public.users (id bigint primary key, email text, first_name text, done boolean, seen_at timestamptz)"
    )
    admin.execute("create table public.friends (user_id bigint, email text, name text)")


@pytest.fixture
def welcome() -> Definition:
    """A sound definition with a step of each kind."""
    return copy.deepcopy(
        {
            "workflow": "welcome",
            "trigger": {"table": "public.users", "on": "insert", "when": "new.email is not null"},
            "steps": [
                {"id": "greet", "email": {"to": "{{ trigger.email }}", "subject": "Hi {{ trigger.first_name }}", "text": "Hello"}},
                {"id": "nap", "wait": "3 days"},
                {"id": "friend", "query": "select f.name, f.email from public.friends f where f.user_id = trigger.id"},
                {"id": "tell", "if": "friend.email is not null", "email": {"to": "{{ friend.email }}", "subject": "{{ friend.name }}", "text": "x"}},
                {"id": "team", "after": "trigger", "slack": {"channel": "#all", "text": "{{ trigger.email }}"}},
            ],
        }
    )  # fmt: skip


@pytest.fixture
def faults(admin: Connection, tables: None) -> Faults:
    """The faults of a definition: place, fact and hint of each."""

    def faults(definition: Definition) -> list[tuple[str, str, str]]:
        with pytest.raises(psycopg.Error) as raised:
            publish(admin, definition)
        assert raised.value.sqlstate == "DL001", raised.value
        listed = json.loads(raised.value.diag.message_detail or "[]")
        assert all(fault["fact"] and fault["hint"] for fault in listed)
        return [(fault["place"], fault["fact"], fault["hint"]) for fault in listed]

    return faults


def spoil(definition: Definition, path: str, value: object) -> Definition:
    """Set what a path such as steps.0.email.to leads to; None takes it away."""
    *way, last = path.split(".")
    node: Any = definition
    for word in way:
        node = node[int(word)] if word.isdigit() else node[word]
    key: Any = int(last) if last.isdigit() else last
    if value is None:
        del node[key]
    else:
        node[key] = value
    return definition

"""Emails of topics that were delivered, and what is heard of them afterwards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.advance.conftest import Run, run, states
from tests.helpers import Connection, value
from tests.outbox.conftest import Sender, me, message, other

__all__ = ["Hear", "Run", "Sender", "hear", "me", "message", "other", "run", "states", "topic"]

Hear = Callable[..., int]
AT = "2026-01-02T03:04:05Z"

_ids = count(1)


def event(kind: str, **more: object) -> dict[str, Any]:
    """An event of its own, as a provider's module hands it over."""
    return {"provider": "resend", "event_id": f"event-{next(_ids)}", "kind": kind, "at": AT, **more}


@pytest.fixture
def hear(sender: Connection) -> Hear:
    """Records events; returns how many were new."""

    def hear(*events: dict[str, Any]) -> int:
        return int(value(sender, "select dreamlit.record_engagement(%s)", Jsonb(list(events))))

    return hear


@pytest.fixture
def topic(admin: Connection) -> str:
    """The topic news."""
    admin.execute("select dreamlit.set_topic('news', 'Our news')")
    return "news"

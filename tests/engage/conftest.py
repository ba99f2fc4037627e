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


BODY = "<a href='{{ unsubscribe_url }}'>Unsubscribe</a> {{ brand.postal_address }}"


def newsletter(step: str = "tell", **more: object) -> dict[str, Any]:
    """An email of the topic news with all that one needs; None takes a key away."""
    fields = {
        "to": "{{ trigger.email }}",
        "subject": "News",
        "html": BODY,
        "topic": "news",
        **more,
    }
    return {"id": step, "email": {key: value for key, value in fields.items() if value is not None}}


@pytest.fixture
def lawful(admin: Connection, superuser: Connection, topic: str) -> None:
    """What an email of a topic needs: the topic, a public URL and a brand with a postal address."""
    admin.execute("""select dreamlit.set_setting('public_url', '"https://mail.example.com"')""")
    set_brand(superuser, {"name": "Ann", "postal_address": "1 Main St, Springfield"})


def set_brand(superuser: Connection, brand: dict[str, str]) -> None:
    superuser.execute("select dreamlit.set_brand(%s)", [Jsonb(brand)])


@pytest.fixture
def post(run: Run, lawful: None) -> Callable[..., None]:
    """Publishes newsletters and lets messages of them come to the outbox."""

    def post(*steps: dict[str, Any], users: int = 1) -> None:
        run(*(steps or (newsletter(),)), users=users)

    return post

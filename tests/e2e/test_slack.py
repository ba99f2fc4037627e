"""Threads and messages to people, from a row to Slack, over the real parts."""

from __future__ import annotations

import psycopg
import pytest
from tests.conftest import DsnOf
from tests.e2e.conftest import StartSender, eventually
from tests.helpers import add_user, create_users, publish, rows, value, workflow

from dreamlit_cli.demo.inbox import Inbox

pytestmark = pytest.mark.slow


def test_a_reply_arrives_in_the_thread_of_the_first_message(
    scheduled_database: str, inbox: Inbox, start_sender: StartSender, dsn_of: DsnOf
) -> None:
    with psycopg.connect(dsn_of("admin", scheduled_database), autocommit=True) as admin:
        create_users(admin)
        publish(
            admin,
            workflow(
                {"id": "first", "slack": {"channel": "#signups", "text": "{{ trigger.name }} signed up"}},
                {"id": "nap", "wait": "1 second"},
                {"id": "more", "slack": {"thread": "first", "text": "and is on {{ trigger.plan }}"}},
                {"id": "direct", "slack": {"to": "{{ trigger.email }}", "text": "Welcome"}},
            ),
        )
    start_sender(dsn_of("sender", scheduled_database))
    with psycopg.connect(dsn_of("app", scheduled_database), autocommit=True) as app:
        for name in ("ann", "bob"):
            add_user(app, name, plan=f"the plan of {name}")
    with psycopg.connect(scheduled_database, autocommit=True) as superuser:
        done = "select count(*) from dreamlit.runs where state = 'done'"
        eventually(lambda: value(superuser, done) == 2, lambda: [one.content for one in inbox.messages])
        first = "select content ->> 'text' as text, provider_id from dreamlit.messages where step = 'first'"
        stamps = {row["text"]: row["provider_id"] for row in rows(superuser, first)}
    posted = [one.content for one in inbox.messages]
    assert len(posted) == 6
    threads = {one["text"]: (one["channel"], one.get("thread_ts")) for one in posted}
    for name in ("ann", "bob"):
        assert threads[f"{name} signed up"] == ("#signups", None)
        assert threads[f"and is on the plan of {name}"] == ("#signups", stamps[f"{name} signed up"])
    assert {one["channel"] for one in posted if one["text"] == "Welcome"} == {
        "D:ann@example.com",
        "D:bob@example.com",
    }

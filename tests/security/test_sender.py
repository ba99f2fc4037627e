"""What the login of a sender can do, as whoever has got hold of its password would try."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import (
    Connection,
    add_user,
    add_users,
    column,
    create_users,
    email,
    publish,
    rows,
    value,
    wait_until,
    work,
    workflow,
)


@pytest.fixture
def waiting(admin: Connection, app: Connection, superuser: Connection) -> None:
    """Three messages wait in the outbox; nobody has claimed one."""
    create_users(admin)
    publish(admin, workflow(email()))
    add_users(app, 3)
    work(superuser, 2)


def claim(sender: Connection, quantity: int = 1, name: str = "thief") -> list[dict[str, Any]]:
    return rows(sender, "select * from dreamlit.claim('email', %s, %s)", name, quantity)


def report(sender: Connection, *results: dict[str, object], name: str = "thief") -> list[str]:
    answer = rows(sender, "select * from dreamlit.report(%s, %s)", name, Jsonb(list(results)))
    return [str(row["state"]) for row in answer]


def states(superuser: Connection) -> list[str]:
    return column(superuser, "select state from dreamlit.messages order by message_id")


# What it cannot do


@pytest.mark.parametrize(
    "relation", ["public.users", "dreamlit.messages", "dreamlit._messages", "pgmq.q_dreamlit_email_bulk"]
)
def test_a_sender_reads_neither_the_applications_tables_nor_messages(
    waiting: None, sender: Connection, relation: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sender.execute(f"select * from {relation}".encode())


def test_a_sender_sees_a_message_only_by_claiming_it(waiting: None, sender: Connection) -> None:
    (mine,) = claim(sender)
    told = rows(
        sender,
        "select * from dreamlit.report('thief', %s)",
        Jsonb([{"message_id": n, "attempt": 1, "outcome": "started"} for n in (1, 2, 3)]),
    )
    others = {1, 2, 3} - {mine["message_id"]}
    assert {row["message_id"]: row["state"] for row in told} == {
        mine["message_id"]: "sending",
        **dict.fromkeys(others, "lost"),
    }
    assert all(row.keys() == {"message_id", "state"} for row in told)


@pytest.mark.parametrize(
    "result",
    [
        {"outcome": "started"},
        {"outcome": "sent"},
        {"outcome": "released"},
        {"outcome": "rendered", "content": {"to": ["thief@example.com"]}},
        {"outcome": "failed", "fault": "recipient"},
        {"outcome": "failed", "fault": "transient"},
        {"outcome": "failed", "fault": "unknown"},
        {"outcome": "failed", "fault": "configuration"},
    ],
    ids=lambda result: f"{result['outcome']} {result.get('fault', '')}".strip(),
)
def test_a_report_on_a_message_that_nobody_claimed_changes_nothing(
    waiting: None, sender: Connection, superuser: Connection, result: dict[str, object]
) -> None:
    for attempt in (-1, 0, 1, 2147483647):
        report(sender, *({"message_id": n, "attempt": attempt, **result} for n in (1, 2, 3, 4, -1)))
    assert states(superuser) == ["queued"] * 3
    assert len(claim(sender, 10)) == 3
    assert rows(superuser, "select from dreamlit.attempts") == []
    assert rows(superuser, "select from dreamlit._channels where blocked_until > now()") == []


def test_a_report_cannot_change_what_a_message_says(
    waiting: None, sender: Connection, superuser: Connection
) -> None:
    """Where the database renders, a sender's word on the content counts for nothing."""
    before = column(superuser, "select content from dreamlit._messages order by message_id")
    for message in claim(sender, 3):
        report(
            sender,
            {
                "message_id": message["message_id"],
                "attempt": message["attempt"],
                "outcome": "rendered",
                "content": {"to": ["thief@example.com"], "subject": "x", "text": "x"},
            },
        )
    assert column(superuser, "select content from dreamlit._messages order by message_id") == before


def test_a_message_that_was_sent_is_not_shown_again(
    waiting: None, sender: Connection, superuser: Connection
) -> None:
    for message in claim(sender, 3):
        key = {"message_id": message["message_id"], "attempt": message["attempt"]}
        report(sender, {**key, "outcome": "started"})
        report(sender, {**key, "outcome": "sent"})
    assert states(superuser) == ["sent"] * 3
    assert claim(sender, 10) == []


@pytest.mark.parametrize(
    ("channel", "quantity", "lease", "code"),
    [
        ("email'; drop table x; --", 1, None, "DL002"),
        ("dreamlit_events", 1, None, "DL002"),
        (None, 1, None, "DL002"),
        ("email", None, None, "DL001"),
        ("email", 1, "-1 hour", "DL001"),
        ("email", 1, "0", "DL001"),
        ("email", 1, "1000 years", "DL001"),
    ],
)
def test_a_claim_beyond_measure_is_refused(
    waiting: None, sender: Connection, channel: str | None, quantity: int | None, lease: str | None, code: str
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        sender.execute(
            "select * from dreamlit.claim(%s, 'thief', %s::integer, %s::interval)", [channel, quantity, lease]
        )
    assert raised.value.sqlstate == code


def test_one_claim_takes_a_thousand_messages_at_most(
    admin: Connection, app: Connection, superuser: Connection, sender: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow(email()))
    add_users(app, 1100)
    work(superuser, 3)
    assert claim(sender, -1) == []
    assert len(claim(sender, 2147483647)) == 1000


def test_a_sender_that_calls_itself_a_worker_does_not_keep_the_others_from_ticking(
    admin: Connection, app: Connection, superuser: Connection, sender: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow(email()))
    sender.execute("select * from dreamlit.tick('work:1')")
    add_user(app)
    wait_until(lambda: value(sender, "select moved from dreamlit.tick('honest')") > 0)


@pytest.mark.parametrize(
    "results", ["null", "{}", "1", '["x"]', '[{"message_id": "x"}]', '[{"message_id": 1}]']
)
def test_a_report_that_is_none_is_refused(sender: Connection, results: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        sender.execute("select * from dreamlit.report('thief', %s::jsonb)", [results])
    assert raised.value.sqlstate in ("DL001", "22P02", "22023")


def test_what_a_sender_says_of_an_error_is_cut_and_stays_data(
    waiting: None, sender: Connection, superuser: Connection, reader: Connection
) -> None:
    (message,) = claim(sender)
    key = {"message_id": message["message_id"], "attempt": message["attempt"]}
    report(sender, {**key, "outcome": "started"})
    evil = "'; drop schema dreamlit cascade; --" + "x" * 5000
    report(sender, {**key, "outcome": "failed", "fault": "recipient", "code": evil, "error": evil})
    (attempt,) = rows(reader, "select code, error from dreamlit.attempts")
    assert (len(attempt["code"]), len(attempt["error"])) == (100, 2000)


# What it can do: this is what a leaked password allows


def test_a_sender_can_read_and_keep_from_delivery_all_that_waits(
    waiting: None, sender: Connection, superuser: Connection
) -> None:
    stolen = claim(sender, 1000)
    assert {row["content"]["to"][0] for row in stolen} == {f"user{n}@example.com" for n in (1, 2, 3)}
    keys = [{"message_id": row["message_id"], "attempt": row["attempt"]} for row in stolen]
    report(sender, *({**key, "outcome": "started"} for key in keys))
    report(sender, *({**key, "outcome": "sent"} for key in keys))
    assert states(superuser) == ["sent"] * 3


def test_a_sender_can_report_for_another_sender(
    waiting: None, sender: Connection, superuser: Connection
) -> None:
    """All senders of an installation are one party: they share the role, and names are what they say."""
    (message,) = claim(sender, name="honest")
    key = {"message_id": message["message_id"], "attempt": message["attempt"]}
    assert report(sender, {**key, "outcome": "failed", "fault": "recipient"}, name="thief") == ["failed"]


def test_a_sender_can_stop_a_channel(waiting: None, sender: Connection, superuser: Connection) -> None:
    (message,) = claim(sender)
    key = {"message_id": message["message_id"], "attempt": message["attempt"]}
    report(sender, {**key, "outcome": "started"})
    report(sender, {**key, "outcome": "failed", "fault": "configuration", "error": "x"})
    assert claim(sender, 10) == []
    assert rows(superuser, "select from dreamlit.health where name = 'channel email' and state = 'critical'")


def test_where_senders_render_a_sender_can_send_what_it_likes(
    admin: Connection, app: Connection, superuser: Connection, sender: Connection
) -> None:
    admin.execute("""select dreamlit.set_setting('renderer', '"sender"')""")
    create_users(admin)
    definition = {
        **workflow({"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": "Hi", "text": "Hello"}}),
        "references": {"steps[0].email": [{"field": "to", "path": ["trigger", "email"]}]},
    }
    publish(admin, definition)
    add_user(app)
    work(superuser, 2)
    (asked,) = rows(sender, "select * from dreamlit.claim('render', 'thief', 1)")
    content = {"to": ["thief@example.com"], "subject": "x", "text": "x"}
    report(
        sender,
        {
            "message_id": asked["message_id"],
            "attempt": asked["attempt"],
            "outcome": "rendered",
            "content": content,
        },
    )
    assert column(superuser, "select recipient from dreamlit.messages") == ["thief@example.com"]

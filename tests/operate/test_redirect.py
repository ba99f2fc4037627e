"""All messages of a workflow to one address or channel."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, add_user, add_users, column, email, rows, slack, value, work

from .conftest import Run, Sender

TO_ME = "select dreamlit.redirect('hello', email => 'me@example.com')"


def _contents(connection: Connection) -> list[dict[str, Any]]:
    return column(connection, "select content from dreamlit.messages order by message_id")


def test_an_email_goes_elsewhere_and_says_for_whom_it_was(
    run: Run, admin: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    run(email(), users=0)
    assert value(admin, TO_ME) == {"email": "me@example.com"}
    add_user(app, "ann")
    work(superuser, 2)
    (claimed,) = me.claim()
    assert claimed["content"]["to"] == ["me@example.com"]
    assert claimed["content"]["headers"]["X-Original-To"] == "ann@example.com"
    assert column(superuser, "select recipient from dreamlit.messages") == ["me@example.com"]


def test_cc_and_bcc_are_people_too(
    run: Run, admin: Connection, app: Connection, superuser: Connection
) -> None:
    step = email()
    step["email"] = {
        "to": "a@x.org, b@x.org",
        "cc": "c@x.org",
        "bcc": "d@x.org",
        "subject": "Hi",
        "text": "Hi",
    }
    run(step, users=0)
    admin.execute(TO_ME)
    add_user(app)
    work(superuser, 2)
    found = _contents(superuser)
    assert [(row["to"], row["cc"], row["bcc"]) for row in found] == [(["me@example.com"], [], [])] * 2
    assert [row["headers"]["X-Original-To"] for row in found] == ["a@x.org", "b@x.org"]


def test_a_slack_message_goes_to_another_channel_and_the_email_to_whom_it_is_for(
    run: Run, admin: Connection, app: Connection, superuser: Connection
) -> None:
    run(email(), slack(), users=0)
    admin.execute("select dreamlit.redirect('hello', slack => '#test')")
    add_user(app, "ann")
    work(superuser, 2)
    found = rows(superuser, "select channel, recipient from dreamlit.messages order by channel")
    assert found == [
        {"channel": "email", "recipient": "ann@example.com"},
        {"channel": "slack", "recipient": "#test"},
    ]
    assert (
        value(superuser, "select content ->> 'channel' from dreamlit.messages where channel = 'slack'")
        == "#test"
    )


def test_what_was_rendered_before_keeps_its_recipient(
    run: Run, admin: Connection, superuser: Connection, me: Sender
) -> None:
    run(email())
    admin.execute(TO_ME)
    assert me.claim()[0]["content"]["to"] == ["user1@example.com"]


def test_it_ends_when_nothing_is_named(
    run: Run, admin: Connection, app: Connection, superuser: Connection
) -> None:
    run(email(), users=0)
    admin.execute(TO_ME)
    assert value(admin, "select dreamlit.redirect('hello')") is None
    add_users(app, 1)
    work(superuser, 2)
    assert column(superuser, "select recipient from dreamlit.messages") == ["user1@example.com"]


def test_the_workflow_shows_it(run: Run, admin: Connection, reader: Connection) -> None:
    run(email(), users=0)
    admin.execute(TO_ME)
    assert value(reader, "select redirect from dreamlit.workflows") == {"email": "me@example.com"}


@pytest.mark.parametrize(
    "arguments",
    [
        "email => 'me'",
        "email => 'Me <me@x.org>'",
        "email => 'a@x.org, b@x.org'",
        "email => E'a@x.org\\r\\nBcc: b@x.org'",
        "email => ''",
        "slack => '#a b'",
        "slack => ''",
    ],
)
def test_what_is_no_address_and_no_channel_is_refused(
    run: Run, admin: Connection, reader: Connection, arguments: str
) -> None:
    run(email(), users=0)
    with pytest.raises(psycopg.Error) as caught:
        admin.execute(f"select dreamlit.redirect('hello', {arguments})".encode())
    assert caught.value.sqlstate == "DL001"
    assert value(reader, "select redirect from dreamlit.workflows") is None


def test_an_unknown_workflow_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        admin.execute(TO_ME)
    assert caught.value.sqlstate == "DL002"

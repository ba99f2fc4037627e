"""Everything that is kept about an address, as JSON."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, add_user, email, slack, value, work

from .conftest import Erase, Run, Sender

NAP = {"id": "nap", "wait": "1 day"}


def export(connection: Connection, address: str = "bob@x.com") -> dict[str, Any]:
    found: dict[str, Any] = value(connection, "select dreamlit.export_person(%s)", address)
    return found


def bob(app: Connection, superuser: Connection, passes: int = 2) -> None:
    add_user(app, "bob", email="Bob <BOB@x.com>")
    work(superuser, passes)


def test_a_run_with_its_messages_and_attempts(
    run: Run, app: Connection, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    me.deliver(me.claim()[0], "sent", provider="smtp")
    found = export(admin)
    assert found["address"] == "bob@x.com"
    assert [row["payload"]["trigger"]["name"] for row in found["runs"]] == ["bob"]
    (message,) = found["messages"]
    assert (message["state"], message["content"]["text"]) == ("sent", "Hello bob")
    assert [attempt["provider"] for attempt in message["attempts"]] == ["smtp"]


def test_an_event_that_waits(run: Run, app: Connection, admin: Connection, superuser: Connection) -> None:
    run(email(), users=0)
    bob(app, superuser, passes=0)
    (event,) = export(admin)["events"]
    assert (event["operation"], event["payload"]["trigger"]["name"]) == ("insert", "bob")


def test_an_event_that_was_ignored(
    run: Run, app: Connection, admin: Connection, superuser: Connection
) -> None:
    run(NAP, email(), users=0, key="'one'")
    add_user(app, "ann")
    work(superuser)
    bob(app, superuser)
    assert [event["ignored_because"] for event in export(admin)["events"]] == ["a run with this key was open"]


def test_an_item_of_a_fan_out(run: Run, admin: Connection) -> None:
    run({"id": "each", "query": "select 'bob@x.com' as email union all select 'ann@x.com'"}, NAP)
    (task,) = export(admin)["tasks"]
    assert task["item"] == {"each": {"email": "bob@x.com"}}


def test_a_suppression(admin: Connection) -> None:
    admin.execute("select dreamlit.suppress('bob@x.com', 'complained')")
    assert export(admin)["suppression"]["reason"] == "complained"


def test_a_suppression_that_outlived_the_address(admin: Connection, erase: Erase) -> None:
    admin.execute("select dreamlit.suppress('bob@x.com', 'complained')")
    erase()
    assert export(admin)["suppression"]["reason"] == "complained"


def test_nothing_of_anybody_else(run: Run, app: Connection, admin: Connection, superuser: Connection) -> None:
    run(email(), slack("team"), users=0)
    bob(app, superuser)
    for name in ("jbob", "zoe"):
        add_user(app, name, email=f"{name}@x.com")
    work(superuser, 2)
    text = json.dumps(export(admin))
    assert "jbob" not in text
    assert "zoe" not in text


def test_after_erasing_nothing_is_left(
    run: Run, app: Connection, admin: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    me.deliver(me.claim()[0])
    erase()
    assert export(admin) == {
        "address": "bob@x.com",
        "runs": [],
        "tasks": [],
        "messages": [],
        "events": [],
        "engagement": [],
        "preferences": [],
        "suppression": None,
    }


def test_what_is_no_address_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error, match="bob is no address") as caught:
        export(admin, "bob")
    assert caught.value.sqlstate == "DL001"


def test_a_reader_may_not(reader: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        export(reader)

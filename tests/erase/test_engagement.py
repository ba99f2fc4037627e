"""What was heard of a person's messages, and what the person chose."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, add_user, email, rows, value, work

from .conftest import Erase, Run, Sender, places


@pytest.fixture
def heard(run: Run, app: Connection, me: Sender, admin: Connection, superuser: Connection) -> None:
    """Bob got a message, clicked, bounced and turned a topic off; Zoe clicked too."""
    admin.execute("select dreamlit.set_topic('news', 'News')")
    admin.execute("""select dreamlit.set_setting('frequency_cap', '{"count": 9, "per": "1 day"}')""")
    run(email(), users=0)
    for name in ("bob", "zoe"):
        add_user(app, name, email=f"{name}@x.com")
    work(superuser, 2)
    superuser.execute("""update dreamlit._messages set content = content || '{"topic": "news"}'""")
    for claimed in me.claim():
        me.deliver(claimed)
    ids = {
        row["recipient"]: row["message_id"]
        for row in rows(superuser, "select recipient, message_id from dreamlit.messages")
    }
    events: list[dict[str, Any]] = []
    for address, message_id in ids.items():
        event = {
            "provider": "resend",
            "at": "2999-01-01",
            "message_id": message_id,
            "user_agent": f"Phone of {address}",
        }
        link = f"https://x.com/?who={address.replace('@', '%40')}"
        events.append(event | {"event_id": f"click {address}", "kind": "clicked", "url": link})
        events.append(event | {"event_id": f"ip {message_id}", "kind": "opened", "raw": {"ip": "10.0.0.1"}})
    events.append(
        {"provider": "ses", "event_id": "b", "kind": "bounced", "bounce": "hard", "recipient": "bob@x.com"}
    )
    assert value(me.connection, "select dreamlit.record_engagement(%s)", Jsonb(events)) == 5
    admin.execute("select dreamlit.set_preference('bob@x.com', 'news', false)")


def test_erasing_leaves_the_address_nowhere(heard: None, erase: Erase, superuser: Connection) -> None:
    assert {"dreamlit._preferences", "dreamlit._suppressions"} < set(places(superuser))
    assert erase()["engagement"] == 3
    assert places(superuser) == []
    assert places(superuser, "bob%40x.com") == []


def test_events_stay_and_count_without_the_person(heard: None, erase: Erase, superuser: Connection) -> None:
    erase()
    found = rows(
        superuser,
        "select kind, message_id is not null as known, raw, user_agent from dreamlit.engagement"
        " where recipient is null order by kind",
    )
    erased = {"raw": {"erased": True}, "user_agent": None}
    assert found == [
        {"kind": "bounced", "known": False, **erased},
        {"kind": "clicked", "known": True, **erased},
        {"kind": "opened", "known": True, **erased},
    ]
    assert value(superuser, "select sum(clicked + opened) from dreamlit.message_stats") == 4


def test_somebody_elses_events_stay_as_they_are(heard: None, erase: Erase, superuser: Connection) -> None:
    erase()
    found = rows(
        superuser, "select kind, raw from dreamlit.engagement where recipient = 'zoe@x.com' order by kind"
    )
    assert found == [{"kind": "clicked", "raw": None}, {"kind": "opened", "raw": {"ip": "10.0.0.1"}}]
    assert value(superuser, "select count(*) from dreamlit._frequencies") == 1


def test_what_was_chosen_still_holds(heard: None, erase: Erase, admin: Connection) -> None:
    erase()
    chosen = "select subscribed from dreamlit.preferences('bob@x.com') where topic = 'news'"
    assert value(admin, chosen) is False


def test_the_export_has_events_and_choices(heard: None, admin: Connection) -> None:
    found = value(admin, "select dreamlit.export_person('bob@x.com')")
    assert sorted(event["kind"] for event in found["engagement"]) == ["bounced", "clicked", "opened"]
    (choice,) = found["preferences"]
    assert (choice["topic"], choice["channel"], choice["subscribed"]) == ("news", "*", False)
    assert "zoe" not in str(found)

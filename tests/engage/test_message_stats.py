"""What became of messages, in numbers: each message counts once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers import Connection, column, email, rows, value

from .conftest import Hear, Run, Sender, event

LATER = "2999-01-01"


@pytest.fixture
def sent(run: Run, me: Sender) -> list[int]:
    """Three messages that the provider took; returns their ids."""
    run(email(), users=3)
    ids = []
    for claimed in me.claim():
        me.deliver(claimed)
        ids.append(int(claimed["message_id"]))
    return ids


def _stats(reader: Connection) -> dict[str, Any]:
    (found,) = rows(reader, "select * from dreamlit.message_stats")
    return {
        name: count for name, count in found.items() if isinstance(count, int) and count and name != "version"
    }


def test_each_message_counts_once_of_each_kind(hear: Hear, sent: list[int], reader: Connection) -> None:
    one, two, three = sent
    hear(*(event("delivered", message_id=found) for found in (one, one, two)))
    hear(*({**event("opened", message_id=one), "at": LATER} for _ in range(5)))
    hear({**event("clicked", message_id=one), "at": LATER}, event("complained", message_id=two))
    hear(event("bounced", message_id=three, bounce="hard"), event("unsubscribed", message_id=two))
    assert _stats(reader) == {
        "sent": 3,
        "delivered": 2,
        "opened": 1,
        "clicked": 1,
        "complained": 1,
        "bounced": 1,
        "unsubscribed": 1,
    }


def test_machines_are_counted_apart_and_a_person_beats_them(
    hear: Hear, sent: list[int], reader: Connection
) -> None:
    one, two, _ = sent
    for kind in ("opened", "clicked"):
        hear(
            {**event(kind, message_id=one, machine=True), "at": LATER},
            event(kind, message_id=two, machine=True),
        )
        hear({**event(kind, message_id=two), "at": LATER})
    assert _stats(reader) == {
        "sent": 3,
        "opened": 1,
        "opened_by_machine": 1,
        "clicked": 1,
        "clicked_by_machine": 1,
    }


def test_events_without_a_message_count_nowhere(hear: Hear, sent: list[int], reader: Connection) -> None:
    hear(event("delivered"), event("delivered", message_id=10**9))
    assert _stats(reader) == {"sent": 3}


def test_a_provider_that_unsubscribes_somebody_turns_everything_off(
    hear: Hear, sent: list[int], reader: Connection
) -> None:
    hear(event("unsubscribed", message_id=sent[0]))
    (address,) = column(reader, "select recipient from dreamlit.engagement")
    chosen = "select subscribed from dreamlit.preferences(%s) where topic is null"
    assert value(reader, chosen, address) is False


def test_ids_of_events_are_forgotten_after_a_week(hear: Hear, superuser: Connection) -> None:
    hear(event("opened"))
    superuser.execute("update dreamlit._engagement_ids set recorded_at = now() - interval '8 days'")
    hear(event("opened"))
    superuser.execute(
        "update dreamlit._chores set due_at = case chore when 'drop partitions' then '-infinity' else now() + every end"
    )
    assert value(superuser, "select dreamlit._housekeep()") is True
    assert len(column(superuser, "select event_hash from dreamlit._engagement_ids")) == 1

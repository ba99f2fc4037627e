"""What is heard of messages: each event once, with its message, and what follows from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.helpers import Connection, column, email, rows, shift_clock, value, wait_for_lock

from .conftest import AT, Hear, Run, Sender, event


def _suppressed(superuser: Connection) -> dict[str, str]:
    return {row["address"]: row["reason"] for row in rows(superuser, "select * from dreamlit._suppressions")}


@pytest.fixture
def sent(run: Run, me: Sender) -> int:
    """A message to user1@example.com that the provider took; returns its id."""
    run(email())
    (claimed,) = me.claim()
    me.deliver(claimed)
    return int(claimed["message_id"])


# Storing


def test_an_event_is_stored_with_its_message(hear: Hear, sent: int, reader: Connection) -> None:
    assert hear(event("delivered", message_id=sent, provider_id="abc", raw={"a": 1})) == 1
    (found,) = rows(reader, "select * from dreamlit.engagement")
    assert (found["kind"], found["message_id"], found["workflow"], found["step"], found["version"]) == (
        "delivered",
        sent,
        "hello",
        "tell",
        1,
    )
    assert (found["recipient"], found["provider_id"], found["raw"]) == ("user1@example.com", "abc", {"a": 1})
    assert found["at"].isoformat().startswith("2026-01-02T")


def test_an_event_that_finds_no_message_is_kept_without_it(hear: Hear, reader: Connection) -> None:
    assert hear(event("delivered", message_id=77, recipient="Ann <Ann@X.org>"), event("opened")) == 2
    found = rows(reader, "select message_id, recipient from dreamlit.engagement order by kind")
    assert found == [
        {"message_id": None, "recipient": "ann@x.org"},
        {"message_id": None, "recipient": None},
    ]


def test_an_event_that_comes_again_counts_once(hear: Hear, reader: Connection) -> None:
    first = event("opened")
    assert hear(first) == 1
    assert hear(first, event("opened")) == 1
    assert value(reader, "select count(*) from dreamlit.engagement") == 2


def test_an_event_twice_in_one_call_counts_once(hear: Hear) -> None:
    first = event("opened")
    assert hear(first, first) == 1


def test_an_event_that_comes_again_on_another_day_with_another_time_counts_once(
    hear: Hear, superuser: Connection
) -> None:
    first = event("opened")
    hear(first)
    shift_clock(superuser, "2 days")
    assert hear({**first, "at": "2026-01-05T00:00:00Z"}) == 0


def test_the_same_id_of_another_provider_is_another_event(hear: Hear) -> None:
    first = event("opened")
    assert hear(first, {**first, "provider": "postmark"}) == 2


def test_two_calls_at_once_with_the_same_event_count_it_once(
    connect: Connect, superuser: Connection, hear: Hear
) -> None:
    first, second = event("opened"), event("clicked")
    begun = connect("sender", autocommit=False)
    assert value(begun, "select dreamlit.record_engagement(%s)", Jsonb([first, second])) == 2
    waiting = connect("sender")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(
            value, waiting, "select dreamlit.record_engagement(%s)", Jsonb([second, first, event("opened")])
        )
        wait_for_lock(superuser, waiting)
        begun.commit()
        assert late.result() == 1
    assert value(superuser, "select count(*) from dreamlit.engagement") == 3


def test_an_event_whose_first_call_was_rolled_back_is_not_lost(
    connect: Connect, superuser: Connection
) -> None:
    first = event("opened")
    begun, waiting = connect("sender", autocommit=False), connect("sender")
    begun.execute("select dreamlit.record_engagement(%s)", [Jsonb([first])])
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(value, waiting, "select dreamlit.record_engagement(%s)", Jsonb([first]))
        wait_for_lock(superuser, waiting)
        begun.rollback()
        assert late.result() == 1


@pytest.mark.parametrize(
    "at", ["yesterday evening", "", None, "infinity", "99999-99-99", "1969-12-31", "2999-01-01"]
)
def test_a_time_of_any_kind_holds_nothing_up(hear: Hear, reader: Connection, at: str | None) -> None:
    assert hear({**event("opened"), "at": at}) == 1
    assert value(reader, "select at > '1969-01-01' and at < 'infinity' from dreamlit.engagement") is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "eaten"},
        {"kind": None},
        {"provider": ""},
        {"event_id": None},
        {"kind": "bounced", "bounce": "very"},
    ],
)
def test_what_is_not_understood_is_refused_and_nothing_stored(
    hear: Hear, superuser: Connection, wrong: dict[str, object]
) -> None:
    with pytest.raises(psycopg.Error, match="is not understood") as caught:
        hear(event("opened"), {**event("opened"), **wrong})
    assert caught.value.sqlstate == "DL001"
    assert value(superuser, "select count(*) from dreamlit._engagement") == 0


@pytest.mark.parametrize("events", ["{}", "null", '"x"', "[1]"])
def test_what_is_no_list_of_events_is_refused(sender: Connection, events: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sender.execute("select dreamlit.record_engagement(%s::jsonb)", [events])
    assert caught.value.sqlstate == "DL001"


@pytest.mark.parametrize("message_id", [-1, 1.5, "x", 10**30, {}])
def test_an_id_that_no_message_has_is_no_message(hear: Hear, reader: Connection, message_id: object) -> None:
    assert hear(event("opened", message_id=message_id)) == 1
    assert value(reader, "select message_id from dreamlit.engagement") is None


def test_what_was_sent_raw_is_cut_when_it_is_too_large(hear: Hear, reader: Connection) -> None:
    hear(event("clicked", raw={"x": "y" * 200_000}, url="https://x.org/" + "z" * 5000))
    (found,) = rows(reader, "select raw, length(url) as url from dreamlit.engagement")
    assert found == {"raw": {"too_large": True}, "url": 2000}


def test_the_application_may_not_record(app: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("select dreamlit.record_engagement('[]')")


# Machines


def test_an_open_right_after_the_delivery_is_a_machines(
    hear: Hear, sent: int, superuser: Connection, reader: Connection
) -> None:
    at = value(superuser, "select (settled_at + interval '1 second')::text from dreamlit.messages")
    hear({**event("opened", message_id=sent), "at": at})
    assert column(reader, "select machine from dreamlit.engagement") == [True]


def test_an_open_later_is_a_persons(hear: Hear, sent: int, superuser: Connection, reader: Connection) -> None:
    at = value(superuser, "select (settled_at + interval '3 seconds')::text from dreamlit.messages")
    hear({**event("opened", message_id=sent), "at": at})
    assert column(reader, "select machine from dreamlit.engagement") == [False]


def test_how_soon_is_a_setting(
    hear: Hear, sent: int, admin: Connection, superuser: Connection, reader: Connection
) -> None:
    admin.execute("select dreamlit.set_setting('machine_seconds', '10')")
    at = value(superuser, "select (settled_at + interval '9 seconds')::text from dreamlit.messages")
    hear({**event("clicked", message_id=sent), "at": at})
    assert column(reader, "select machine from dreamlit.engagement") == [True]


def test_what_serve_calls_a_machine_is_one_at_any_time(hear: Hear, sent: int, reader: Connection) -> None:
    hear({**event("opened", message_id=sent, machine=True), "at": "2999-01-01"})
    assert column(reader, "select machine from dreamlit.engagement") == [True]


def test_a_delivery_right_away_is_no_machines(hear: Hear, sent: int, reader: Connection) -> None:
    hear({**event("delivered", message_id=sent), "at": AT})
    assert column(reader, "select machine from dreamlit.engagement") == [False]


# Suppression


@pytest.mark.parametrize(
    ("heard", "reason"),
    [({"kind": "bounced", "bounce": "hard"}, "hard bounce"), ({"kind": "complained"}, "complaint")],
)
def test_a_hard_bounce_and_a_complaint_suppress_at_once(
    hear: Hear, sent: int, superuser: Connection, heard: dict[str, object], reason: str
) -> None:
    hear({**event("delivered", message_id=sent), **heard})
    assert _suppressed(superuser) == {"user1@example.com": reason}


def test_the_address_that_bounced_is_suppressed_and_not_the_messages(
    hear: Hear, sent: int, superuser: Connection
) -> None:
    hear(event("bounced", bounce="hard", message_id=sent, recipient="CC@x.org"))
    assert _suppressed(superuser) == {"cc@x.org": "hard bounce"}


def test_a_hard_bounce_without_a_message_suppresses_too(hear: Hear, superuser: Connection) -> None:
    hear(event("bounced", bounce="hard", recipient="a@x.org"))
    assert _suppressed(superuser) == {"a@x.org": "hard bounce"}


@pytest.mark.parametrize("recipient", ["", "nobody", "a@b, c@d", None])
def test_what_is_no_address_suppresses_nobody(
    hear: Hear, superuser: Connection, recipient: str | None
) -> None:
    assert hear(event("bounced", bounce="hard", recipient=recipient)) == 1
    assert _suppressed(superuser) == {}


def test_a_message_that_waits_is_stopped_by_a_bounce(
    run: Run, hear: Hear, me: Sender, superuser: Connection
) -> None:
    run(email())
    hear(event("bounced", bounce="hard", recipient="user1@example.com"))
    assert me.claim() == []
    assert column(superuser, "select state from dreamlit.messages") == ["suppressed"]


def _soft(message_id: int | None = None, address: str = "a@x.org") -> dict[str, object]:
    return event("bounced", bounce="soft", recipient=address, message_id=message_id)


def test_soft_bounces_suppress_by_rule(hear: Hear, superuser: Connection) -> None:
    hear(_soft(), _soft())
    assert _suppressed(superuser) == {}
    hear(_soft(), _soft(address="b@x.org"))
    assert _suppressed(superuser) == {"a@x.org": "soft bounces"}


def test_a_bounce_of_which_nobody_says_how_hard_is_soft(hear: Hear, superuser: Connection) -> None:
    hear(event("bounced", recipient="a@x.org"))
    assert _suppressed(superuser) == {}
    assert column(superuser, "select bounce from dreamlit.engagement") == ["soft"]


def test_one_message_that_bounces_softly_again_and_again_counts_once(
    hear: Hear, sent: int, superuser: Connection
) -> None:
    hear(*(_soft(sent) for _ in range(5)))
    assert _suppressed(superuser) == {}


def test_soft_bounces_of_long_ago_do_not_count(hear: Hear, superuser: Connection) -> None:
    hear(_soft(), _soft())
    shift_clock(superuser, "8 days")
    superuser.execute("select dreamlit._ensure_partitions()")
    hear(_soft())
    assert _suppressed(superuser) == {}


def _lift(admin: Connection, address: str = "a@x.org") -> None:
    assert value(admin, "select dreamlit.unsuppress(%s)", address) is True


def test_soft_bounces_from_before_the_suppression_was_lifted_do_not_count(
    hear: Hear, admin: Connection, superuser: Connection
) -> None:
    hear(_soft(), _soft(), _soft())
    _lift(admin)
    hear(_soft(), _soft())
    assert _suppressed(superuser) == {}
    hear(_soft())
    assert _suppressed(superuser) == {"a@x.org": "soft bounces"}


def test_the_last_lifting_counts_for_that_address_alone(
    hear: Hear, admin: Connection, superuser: Connection
) -> None:
    hear(_soft(), _soft(), _soft(), _soft(address="b@x.org"), _soft(address="b@x.org"))
    _lift(admin)
    hear(_soft(), _soft(), _soft())
    _lift(admin, "A <A@X.org>")
    hear(_soft(), _soft(address="b@x.org"))
    assert _suppressed(superuser) == {"b@x.org": "soft bounces"}


def test_lifting_what_is_not_suppressed_forgets_no_bounces(
    hear: Hear, admin: Connection, superuser: Connection
) -> None:
    hear(_soft(), _soft())
    assert value(admin, "select dreamlit.unsuppress('a@x.org')") is False
    hear(_soft())
    assert _suppressed(superuser) == {"a@x.org": "soft bounces"}


def test_a_message_that_bounced_before_the_lifting_and_after_counts_once_more(
    hear: Hear, admin: Connection, sent: int, superuser: Connection
) -> None:
    hear(_soft(sent), _soft(), _soft())
    _lift(admin)
    hear(_soft(sent), _soft())
    assert _suppressed(superuser) == {}
    hear(_soft())
    assert _suppressed(superuser) == {"a@x.org": "soft bounces"}


def test_the_moment_of_the_lifting_is_kept_without_the_address(
    hear: Hear, admin: Connection, superuser: Connection
) -> None:
    hear(event("complained", recipient="a@x.org"))
    _lift(admin)
    (line,) = rows(superuser, "select detail from dreamlit._audit_log where action = 'unsuppress'")
    assert list(line["detail"]) == ["address_hash"]
    assert "a@x.org" not in str(line["detail"])


def test_the_rule_is_a_setting(hear: Hear, admin: Connection, superuser: Connection) -> None:
    admin.execute("""select dreamlit.set_setting('soft_bounces', '{"count": 2, "within": "1 day"}')""")
    hear(_soft(), _soft())
    assert _suppressed(superuser) == {"a@x.org": "soft bounces"}


def test_two_calls_at_once_count_each_others_soft_bounces(
    hear: Hear, connect: Connect, superuser: Connection
) -> None:
    hear(_soft())
    begun, waiting = connect("sender", autocommit=False), connect("sender")
    begun.execute("select dreamlit.record_engagement(%s)", [Jsonb([_soft()])])
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(value, waiting, "select dreamlit.record_engagement(%s)", Jsonb([_soft()]))
        wait_for_lock(superuser, waiting)
        begun.commit()
        assert late.result() == 1
    assert _suppressed(superuser) == {"a@x.org": "soft bounces"}


def test_suppressing_is_audited_without_the_address(hear: Hear, superuser: Connection) -> None:
    hear(event("complained", recipient="a@x.org"))
    (line,) = rows(superuser, "select action, detail from dreamlit._audit_log where action = 'suppress'")
    assert line["detail"] == {"reason": "complaint", "addresses": 1}


def test_only_on_purpose_is_it_lifted(hear: Hear, admin: Connection, superuser: Connection) -> None:
    hear(event("complained", recipient="a@x.org"))
    hear(event("delivered", recipient="a@x.org"), event("clicked", recipient="a@x.org"))
    assert _suppressed(superuser) == {"a@x.org": "complaint"}
    assert value(admin, "select dreamlit.unsuppress('a@x.org')") is True
    assert _suppressed(superuser) == {}


def test_one_call_with_several_reasons_suppresses_each_address_once(
    hear: Hear, superuser: Connection
) -> None:
    hard = event("bounced", bounce="hard", recipient="B <b@x.org>")
    hear(hard, event("complained", recipient="a@x.org"), event("complained", recipient="b@x.org"))
    assert _suppressed(superuser) == {"a@x.org": "complaint", "b@x.org": "complaint"}
    (line,) = rows(superuser, "select detail from dreamlit._audit_log where action = 'suppress'")
    assert line["detail"] == {"reason": "complaint", "addresses": 2}

"""Messages that a provider may have taken already: who may be asked again, and for how long."""

from __future__ import annotations

from typing import Any

from tests.helpers import Connection, column, email, rows, shift_clock, value, work

from .conftest import Post, Sender, message

DOUBTFUL = {"fault": "transient", "doubtful": True, "provider": "resend", "error": "no answer"}


def _begin(me: Sender, **more: object) -> dict[str, Any]:
    (claimed,) = me.claim()
    assert me.report(claimed, "started", **more) == "sending"
    return claimed


def _interrupted(me: Sender, superuser: Connection, ahead: str, **more: object) -> None:
    """A delivery of which nobody hears again until that much later."""
    _begin(me, **more)
    shift_clock(superuser, ahead)
    superuser.execute("select dreamlit._reap()")


def test_an_interrupted_delivery_by_an_idempotent_provider_is_tried_again(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    _interrupted(me, superuser, "70 seconds", idempotent=True, provider="resend")
    found = message(superuser)
    assert (found["state"], found["error"]["code"]) == ("queued", "interrupted")
    shift_clock(superuser, "2 minutes")
    (claimed,) = me.claim()
    assert claimed["asked_of"] == "resend"
    assert me.deliver(claimed) == "sent"


def test_an_interrupted_delivery_by_any_other_is_held(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    _interrupted(me, superuser, "70 seconds", provider="smtp")
    assert message(superuser)["state"] == "uncertain"


def test_an_interruption_noticed_after_a_day_is_held_for_the_key_is_forgotten(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    _interrupted(me, superuser, "24 hours", idempotent=True, provider="resend")
    assert message(superuser)["state"] == "uncertain"


def test_a_message_without_a_doubt_may_go_by_any(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    me.deliver(me.claim()[0], "failed", fault="transient", provider="resend")
    shift_clock(superuser, "1 minute")
    assert [row["asked_of"] for row in me.claim()] == [None]


def test_a_lost_answer_names_the_provider_to_the_next_attempt(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    assert me.deliver(me.claim()[0], "failed", **DOUBTFUL) == "queued"
    shift_clock(superuser, "1 minute")
    assert [row["asked_of"] for row in me.claim()] == ["resend"]


def test_a_doubt_stays_when_a_later_attempt_is_refused(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    me.deliver(me.claim()[0], "failed", **DOUBTFUL)
    shift_clock(superuser, "1 minute")
    me.deliver(me.claim()[0], "failed", fault="transient", provider="resend", error="busy")
    shift_clock(superuser, "5 minutes")
    assert [row["asked_of"] for row in me.claim()] == ["resend"]


def test_a_doubt_older_than_the_key_is_held_for_a_person(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    me.deliver(me.claim()[0], "failed", **DOUBTFUL)
    shift_clock(superuser, "24 hours")
    superuser.execute("select dreamlit._ensure_partitions()")
    assert me.claim() == []
    found = message(superuser)
    assert (found["state"], found["error"]["code"]) == ("uncertain", "key_expired")
    assert value(superuser, "select count(*) from dreamlit._outbox") == 0


def test_a_doubt_older_than_the_key_goes_again_where_the_step_says_so(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(email(when_uncertain="retry"))
    me.deliver(me.claim()[0], "failed", **DOUBTFUL)
    shift_clock(superuser, "24 hours")
    assert [row["asked_of"] for row in me.claim()] == ["resend"]


def test_a_sender_that_cannot_ask_the_provider_again_leaves_it_to_a_person(
    post: Post, me: Sender, superuser: Connection, admin: Connection
) -> None:
    post()
    me.deliver(me.claim()[0], "failed", **DOUBTFUL)
    shift_clock(superuser, "1 minute")
    (claimed,) = me.claim()
    assert me.deliver(claimed, "failed", fault="unknown", code="asked_of") == "uncertain"
    (held,) = column(superuser, "select message_id from dreamlit._held_messages")
    admin.execute("select dreamlit.release(%s)", [held])
    (claimed,) = me.claim()
    assert claimed["asked_of"] is None
    assert me.deliver(claimed) == "sent"


def test_an_uncertain_message_that_is_tried_again_names_who_may_have_it(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(email(when_uncertain="retry"))
    me.deliver(me.claim()[0], "failed", fault="unknown", provider="smtp")
    shift_clock(superuser, "1 minute")
    assert [row["asked_of"] for row in me.claim()] == ["smtp"]


def test_a_repeated_run_still_knows_of_the_doubt(
    post: Post, me: Sender, superuser: Connection, admin: Connection
) -> None:
    post(email(attempts=1))
    me.deliver(me.claim()[0], "failed", **DOUBTFUL)
    assert message(superuser)["state"] == "failed"
    admin.execute("select dreamlit.retry_run(%s)", [value(superuser, "select run_id from dreamlit.runs")])
    work(superuser)
    assert [
        row["asked_of"]
        for row in rows(superuser, "select doubt ->> 'provider' as asked_of from dreamlit._messages")
    ] == ["resend"]

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, column, email, rows, shift_clock, slack, value, work

from .conftest import Post, Sender, message


def _retry_in(superuser: Connection) -> timedelta:
    """How far ahead the only message's next try lies."""
    found: timedelta = value(superuser, "select retry_at - dreamlit._now() from dreamlit.messages")
    return found


def _seconds(low: float, high: float, found: timedelta) -> bool:
    return timedelta(seconds=low) <= found <= timedelta(seconds=high)


# Verdicts


def test_started_gives_leave_to_deliver(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    assert me.report(claimed, "started") == "sending"
    assert message(superuser)["state"] == "sending"
    (attempt,) = rows(superuser, "select sender, outcome, finished_at from dreamlit.attempts")
    assert attempt == {"sender": "me", "outcome": "started", "finished_at": None}


def test_started_renews_the_lease(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    shift_clock(superuser, "50 seconds")
    assert me.report(claimed, "started") == "sending"
    shift_clock(superuser, "100 seconds")
    superuser.execute("select dreamlit._reap()")
    assert message(superuser)["state"] == "sending"


def test_sent_ends_the_message_the_task_and_the_run(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    assert me.deliver(claimed, provider="smtp", provider_id="<1@x>") == "sent"
    found = message(superuser)
    assert (found["state"], found["attempts"], found["error"]) == ("sent", 1, None)
    assert (found["provider"], found["provider_id"]) == ("smtp", "<1@x>")
    assert found["settled_at"] is not None
    assert column(superuser, "select state from dreamlit.tasks") == ["done"]
    assert column(superuser, "select state from dreamlit.runs") == ["done"]
    assert value(superuser, "select count(*) from dreamlit._outbox") == 0


def test_sent_without_started_counts_because_it_happened(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    (claimed,) = me.claim()
    assert me.report(claimed, "sent") == "sent"
    assert message(superuser)["state"] == "sent"


def test_the_recipients_fault_is_permanent(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    assert (
        me.deliver(claimed, "failed", fault="recipient", code="550 5.1.1", error="no such user") == "failed"
    )
    found = message(superuser)
    assert (found["state"], found["attempts"]) == ("failed", 1)
    assert found["error"] == {"fault": "recipient", "code": "550 5.1.1", "message": "no such user"}
    (run,) = rows(superuser, "select state, last_error from dreamlit.runs")
    assert run["state"] == "failed"
    assert run["last_error"]["message"] == "no such user"
    assert run["last_error"]["step"] == "tell"


def test_a_transient_fault_is_tried_again_later(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    assert me.deliver(claimed, "failed", fault="transient", error="greylisted") == "queued"
    found = message(superuser)
    assert (found["state"], found["attempts"]) == ("queued", 1)
    assert _seconds(8, 12, _retry_in(superuser))
    assert me.claim() == []
    shift_clock(superuser, "12 seconds")
    assert [row["attempt"] for row in me.claim()] == [2]


def test_each_further_try_waits_about_twice_as_long(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    waits, ahead = [], 0.0
    for _ in range(4):
        (claimed,) = me.claim()
        me.deliver(claimed, "failed", fault="transient")
        waits.append(_retry_in(superuser).total_seconds())
        ahead += waits[-1] + 1
        shift_clock(superuser, f"{ahead} seconds")
    expected = [10, 20, 40, 80]
    assert all(base * 0.85 <= wait <= base * 1.15 for base, wait in zip(expected, waits, strict=True))


def test_after_the_last_attempt_it_gives_up(post: Post, me: Sender, superuser: Connection) -> None:
    post(email(attempts=2))
    (claimed,) = me.claim()
    assert me.deliver(claimed, "failed", fault="transient") == "queued"
    shift_clock(superuser, "1 hour")
    (claimed,) = me.claim()
    assert me.deliver(claimed, "failed", fault="transient", error="still busy") == "failed"
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]
    assert value(superuser, "select count(*) from dreamlit._attempts") == 2


def test_an_unknown_outcome_is_held_for_a_person(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    assert me.deliver(claimed, "failed", fault="unknown", error="timeout after DATA") == "uncertain"
    assert message(superuser)["state"] == "uncertain"
    shift_clock(superuser, "1 day")
    assert me.claim() == []
    assert column(superuser, "select outcome from dreamlit.attempts") == ["unknown"]
    assert column(superuser, "select state from dreamlit.runs") == ["running"]


def test_an_unknown_outcome_is_tried_again_where_the_step_says_so(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(email(when_uncertain="retry"))
    (claimed,) = me.claim()
    assert me.deliver(claimed, "failed", fault="unknown") == "queued"
    shift_clock(superuser, "1 minute")
    assert len(me.claim()) == 1


def test_released_gives_it_back_at_once_and_costs_no_attempt(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post()
    (claimed,) = me.claim()
    assert me.report(claimed, "released") == "queued"
    assert len(other.claim()) == 1
    assert message(superuser)["attempts"] == 0


def test_released_after_started_gives_it_back_too(post: Post, me: Sender, other: Sender) -> None:
    post()
    (claimed,) = me.claim()
    me.report(claimed, "started")
    assert me.report(claimed, "released") == "queued"
    assert len(other.claim()) == 1


# Blocks


def test_a_configuration_fault_stops_the_channel_and_costs_no_attempt(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(users=2)
    (claimed,) = me.claim(1)
    state = me.deliver(claimed, "failed", fault="configuration", code="535", error="wrong password")
    assert state == "queued"
    assert me.claim() == []
    assert set(column(superuser, "select attempts from dreamlit.messages")) == {0}
    (health,) = rows(superuser, "select state, detail from dreamlit.health where name = 'channel email'")
    assert health == {"state": "critical", "detail": "stopped: wrong password"}


def test_a_stopped_channel_does_not_stop_another(post: Post, me: Sender) -> None:
    post(email(), slack())
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="configuration")
    assert len(me.claim(channel="slack")) == 1


def test_a_stopped_channel_is_tried_again_after_a_while_that_doubles(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    waits, ahead = [], 0.0
    for _ in range(9):
        (claimed,) = me.claim()
        me.deliver(claimed, "failed", fault="configuration")
        query = (
            "select extract(epoch from blocked_until - dreamlit._now())"
            " from dreamlit._channels where channel = 'email'"
        )
        waits.append(round(value(superuser, query)))
        ahead += waits[-1] + 1
        shift_clock(superuser, f"{ahead} seconds")
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_delivery_opens_the_channel_for_good(post: Post, me: Sender, superuser: Connection) -> None:
    post(users=2)
    (claimed,) = me.claim(1)
    me.deliver(claimed, "failed", fault="configuration")
    shift_clock(superuser, "6 seconds")
    (claimed,) = me.claim(1)
    me.deliver(claimed)
    assert len(me.claim()) == 1
    assert rows(superuser, "select from dreamlit.health where name = 'channel email'") == []


def test_a_new_sender_lifts_a_configuration_block(post: Post, me: Sender, other: Sender) -> None:
    post()
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="configuration")
    assert me.claim() == []
    assert len(other.claim()) == 1


def test_a_new_sender_does_not_lift_a_providers_wish(post: Post, me: Sender, other: Sender) -> None:
    post(users=2)
    (claimed,) = me.claim(1)
    me.deliver(claimed, "failed", fault="transient", code="429", retry_after=90)
    assert other.claim() == []


def test_retry_after_stops_the_channel_for_as_long_as_the_provider_says(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(users=2)
    (claimed,) = me.claim(1)
    me.deliver(claimed, "failed", fault="transient", code="429", retry_after=90)
    shift_clock(superuser, "80 seconds")
    assert me.claim() == []
    shift_clock(superuser, "91 seconds")
    assert len(me.claim()) == 2


def test_a_late_success_does_not_lift_the_block_of_another_message_in_the_same_report(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(users=2)
    one, two = me.claim()
    me.report_all([one, two], "started")
    results = [
        {"message_id": one["message_id"], "attempt": 1, "outcome": "sent"},
        {"message_id": two["message_id"], "attempt": 1, "outcome": "failed", "fault": "configuration"},
    ]
    me.connection.execute("select dreamlit.report('me', %s)", [Jsonb(results)])
    assert value(superuser, "select failures from dreamlit._channels where channel = 'email'") == 1


def test_a_success_reported_after_a_providers_wish_does_not_lift_it(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    """Several deliveries run at once: those that had begun before the 429 may still succeed."""
    post(users=3)
    one, two = me.claim(2)
    me.report_all([one, two], "started")
    me.report(one, "failed", fault="transient", code="429", retry_after=90)
    me.report(two, "sent")
    assert other.claim() == []


def test_a_shorter_wish_does_not_shorten_a_longer_one(post: Post, me: Sender, superuser: Connection) -> None:
    post(users=3)
    one, two = me.claim(2)
    me.report_all([one, two], "started")
    me.report(one, "failed", fault="transient", code="429", retry_after=90)
    me.report(two, "failed", fault="transient", code="429", retry_after=1)
    shift_clock(superuser, "60 seconds")
    assert me.claim() == []


def test_a_fault_of_several_deliveries_under_way_counts_once(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(users=3)
    claimed = me.claim()
    me.report_all(claimed, "started")
    for one in claimed:
        me.report(one, "failed", fault="configuration")
    assert value(superuser, "select failures from dreamlit._channels where channel = 'email'") == 1


def test_a_block_that_is_over_is_forgotten_after_a_delivery(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(users=2)
    (claimed,) = me.claim(1)
    me.deliver(claimed, "failed", fault="transient", code="429", retry_after=90)
    shift_clock(superuser, "91 seconds")
    (claimed, _) = me.claim()
    me.deliver(claimed)
    assert value(superuser, "select reason from dreamlit._channels where channel = 'email'") is None


def test_a_block_of_a_configuration_does_not_shorten_a_providers_wish(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(users=3)
    one, two = me.claim(2)
    me.report_all([one, two], "started")
    me.report(one, "failed", fault="transient", retry_after=90)
    me.report(two, "failed", fault="configuration")
    shift_clock(superuser, "60 seconds")
    assert me.claim() == []


# Fencing


def test_a_late_started_of_an_expired_claim_may_not_deliver(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post()
    (mine,) = me.claim()
    shift_clock(superuser, "61 seconds")
    (theirs,) = other.claim()
    assert me.report(mine, "started") == "lost"
    assert other.report(theirs, "started") == "sending"


@pytest.mark.parametrize(
    "end", [("failed", "transient"), ("failed", "recipient"), ("failed", "unknown"), ("released", None)]
)
def test_a_late_report_of_an_expired_claim_changes_nothing(
    post: Post, me: Sender, other: Sender, superuser: Connection, end: tuple[str, str | None]
) -> None:
    outcome, fault = end
    post()
    (mine,) = me.claim()
    shift_clock(superuser, "61 seconds")
    (theirs,) = other.claim()
    other.report(theirs, "started")
    assert me.report(mine, outcome, fault=fault) == "lost"
    assert message(superuser)["state"] == "sending"
    assert other.report(theirs, "sent") == "sent"


def test_a_late_sent_of_an_expired_claim_counts_and_stops_the_other(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post()
    (mine,) = me.claim()
    shift_clock(superuser, "61 seconds")
    (theirs,) = other.claim()
    assert me.report(mine, "sent") == "sent"
    assert other.report(theirs, "started") == "lost"
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_an_expired_claim_that_nobody_else_took_may_still_begin(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    (mine,) = me.claim()
    shift_clock(superuser, "61 seconds")
    assert me.report(mine, "started") == "sending"


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_a_repeated_report_is_harmless(post: Post, me: Sender, superuser: Connection, outcome: str) -> None:
    post(users=2)
    (claimed, _) = me.claim()
    me.deliver(claimed, outcome, fault="recipient")
    before = _counts(superuser)
    me.report(claimed, outcome, fault="recipient")
    assert _counts(superuser) == before


def _counts(superuser: Connection) -> list[dict[str, object]]:
    return rows(
        superuser,
        "select (select jsonb_agg(to_jsonb(m) order by m.message_id) from dreamlit._messages m) as messages,"
        " (select count(*) from dreamlit._attempts) as attempts,"
        " (select jsonb_agg(to_jsonb(r)) from dreamlit._runs r) as runs,"
        " (select jsonb_agg(to_jsonb(r)) from dreamlit._run_history r) as history,"
        " (select jsonb_agg(to_jsonb(t)) from dreamlit._tasks t) as tasks",
    )


def test_a_repeated_transient_failure_is_counted_once(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="transient")
    me.report(claimed, "failed", fault="transient")
    assert message(superuser)["attempts"] == 1


def test_the_same_message_twice_in_one_report_is_settled_once(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post(email(to="a@example.com, b@example.com"))
    one, two = me.claim()
    me.report_all([one, two], "started")
    me.report_all([one, one], "sent")
    assert column(superuser, "select state from dreamlit.runs") == ["running"]
    assert me.report(two, "sent") == "sent"
    assert column(superuser, "select state from dreamlit.runs") == ["done"]
    assert value(superuser, "select count(*) from dreamlit._attempts") == 2


def test_started_and_sent_of_one_message_in_one_report_settle_it(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    (claimed,) = me.claim()
    results = [
        {"message_id": claimed["message_id"], "attempt": 1, "outcome": outcome}
        for outcome in ("started", "sent")
    ]
    me.connection.execute("select dreamlit.report('me', %s)", [Jsonb(results)])
    assert message(superuser)["state"] == "sent"
    assert value(superuser, "select count(*) from dreamlit._outbox") == 0


def test_one_report_may_mix_messages_and_outcomes(post: Post, me: Sender, superuser: Connection) -> None:
    post(users=4)
    claimed = me.claim()
    me.report_all(claimed[:3], "started")
    results = [
        {"message_id": claimed[0]["message_id"], "attempt": 1, "outcome": "sent"},
        {"message_id": claimed[1]["message_id"], "attempt": 1, "outcome": "failed", "fault": "recipient"},
        {"message_id": claimed[2]["message_id"], "attempt": 1, "outcome": "failed", "fault": "transient"},
        {"message_id": claimed[3]["message_id"], "attempt": 1, "outcome": "started"},
        {"message_id": 987654, "attempt": 1, "outcome": "sent"},
    ]
    answer = rows(me.connection, "select * from dreamlit.report('me', %s)", Jsonb(results))
    assert [row["state"] for row in answer] == ["sent", "failed", "queued", "sending", "lost"]
    assert [row["message_id"] for row in answer] == [result["message_id"] for result in results]


# Uncertain


def test_sent_after_uncertain_settles_it(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    me.report(claimed, "started")
    shift_clock(superuser, "61 seconds")
    superuser.execute("select dreamlit._reap()")
    assert message(superuser)["state"] == "uncertain"
    assert me.report(claimed, "sent") == "sent"
    assert message(superuser)["state"] == "sent"
    assert value(superuser, "select count(*) from dreamlit._held_messages") == 0
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_the_reaper_holds_an_interrupted_delivery(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    me.report(claimed, "started")
    superuser.execute("select dreamlit._reap()")
    assert message(superuser)["state"] == "sending"
    shift_clock(superuser, "61 seconds")
    superuser.execute("select dreamlit._reap()")
    found = message(superuser)
    assert found["state"] == "uncertain"
    assert found["error"]["code"] == "interrupted"
    assert "me" in found["error"]["message"]
    (attempt,) = rows(superuser, "select sender, outcome from dreamlit.attempts")
    assert attempt == {"sender": "me", "outcome": "unknown"}


def test_the_reaper_tries_again_where_the_step_says_so(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post(email(when_uncertain="retry"))
    (claimed,) = me.claim()
    me.report(claimed, "started")
    shift_clock(superuser, "61 seconds")
    superuser.execute("select dreamlit._reap()")
    assert message(superuser)["state"] == "queued"
    shift_clock(superuser, "90 seconds")
    assert len(other.claim()) == 1


def test_the_worker_reaps(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    me.report(claimed, "started")
    shift_clock(superuser, "61 seconds")
    superuser.execute(
        "update dreamlit._chores set due_at = case chore when 'reap' then now() else 'infinity' end"
    )
    work(superuser)
    assert message(superuser)["state"] == "uncertain"


def test_an_interrupted_delivery_is_never_claimed_by_another_before_it_is_reaped(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post()
    (claimed,) = me.claim()
    me.report(claimed, "started")
    shift_clock(superuser, "61 seconds")
    assert other.claim() == []


def test_a_released_message_is_sent_once_more(
    post: Post, me: Sender, admin: Connection, superuser: Connection
) -> None:
    post()
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="unknown")
    assert value(admin, "select dreamlit.release(%s)", claimed["message_id"]) == "queued"
    (again,) = me.claim()
    assert again["message_id"] == claimed["message_id"]
    assert again["content"] == claimed["content"]
    assert me.deliver(again) == "sent"
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_a_late_report_of_the_claim_before_the_release_does_not_touch_the_new_one(
    post: Post, me: Sender, other: Sender, admin: Connection, superuser: Connection
) -> None:
    post()
    (mine,) = me.claim()
    me.report(mine, "started")
    shift_clock(superuser, "61 seconds")
    superuser.execute("select dreamlit._reap()")
    admin.execute("select dreamlit.release(%s)", [mine["message_id"]])
    (theirs,) = other.claim()
    assert theirs["attempt"] > mine["attempt"]
    assert me.report(mine, "failed", fault="recipient") == "lost"
    assert other.deliver(theirs) == "sent"


@pytest.mark.parametrize("end", [(True, "sent", "done"), (False, "failed", "failed")])
def test_a_discarded_message_is_settled_as_one_says(
    post: Post, me: Sender, admin: Connection, superuser: Connection, end: tuple[bool, str, str]
) -> None:
    delivered, state, run = end
    post()
    (claimed,) = me.claim()
    me.deliver(claimed, "failed", fault="unknown", error="timeout")
    assert value(admin, "select dreamlit.discard(%s, %s)", claimed["message_id"], delivered) == state
    assert message(superuser)["state"] == state
    assert column(superuser, "select state from dreamlit.runs") == [run]
    assert me.claim() == []


@pytest.mark.parametrize("function", ["release", "discard"])
def test_only_a_held_message_can_be_released_or_discarded(
    post: Post, me: Sender, admin: Connection, superuser: Connection, function: str
) -> None:
    post()
    number = message(superuser)["message_id"]
    with pytest.raises(psycopg.Error, match="is queued, not held") as caught:
        admin.execute(f"select dreamlit.{function}(%s)".encode(), [number])
    assert caught.value.sqlstate == "DL003"
    with pytest.raises(psycopg.Error, match="no message 4711") as caught:
        admin.execute(f"select dreamlit.{function}(4711)".encode())
    assert caught.value.sqlstate == "DL002"


# Several recipients


def test_a_task_ends_with_its_last_message(post: Post, me: Sender, superuser: Connection) -> None:
    post(email(to="a@example.com, b@example.com"))
    one, two = me.claim()
    me.deliver(one)
    assert column(superuser, "select state from dreamlit.tasks") == ["sending"]
    me.deliver(two)
    assert column(superuser, "select state from dreamlit.tasks") == ["done"]


def test_one_failed_message_of_several_fails_the_task(post: Post, me: Sender, superuser: Connection) -> None:
    post(email(to="a@example.com, b@example.com"))
    one, two = me.claim()
    me.deliver(one, "failed", fault="recipient", error="gone")
    assert column(superuser, "select state from dreamlit.tasks") == ["sending"]
    me.deliver(two)
    (task,) = rows(superuser, "select state, error from dreamlit.tasks")
    assert (task["state"], task["error"]["message"]) == ("failed", "gone")


# Wrong reports


@pytest.mark.parametrize(
    "results",
    [
        {"message_id": 1},
        "sent",
        [{"attempt": 1, "outcome": "sent"}],
        [{"message_id": 1, "outcome": "sent"}],
        [{"message_id": 1, "attempt": 1}],
        [{"message_id": 1, "attempt": 1, "outcome": "eaten"}],
        [{"message_id": 1, "attempt": 1, "outcome": "failed"}],
        [{"message_id": 1, "attempt": 1, "outcome": "failed", "fault": "moon"}],
    ],
)
def test_a_report_that_is_not_understood_is_refused(me: Sender, results: object) -> None:
    with pytest.raises(psycopg.Error) as caught:
        me.connection.execute("select dreamlit.report('me', %s)", [Jsonb(results)])
    assert caught.value.sqlstate == "DL001"
    assert caught.value.diag.message_hint


def test_an_empty_report_is_fine(me: Sender) -> None:
    assert me.report_all([], "sent") == []


def test_a_report_about_no_message_of_ours_is_answered_with_lost(me: Sender) -> None:
    assert me.report({"message_id": 4711, "attempt": 1}, "sent") == "lost"


def test_messages_of_other_days_are_not_looked_at(post: Post, me: Sender) -> None:
    """Each day has a table of its own: claims and reports cost the same, however many days are kept."""
    post(users=3)
    with me.connection.transaction():
        for claimed in me.claim(3):
            me.deliver(claimed)
        looked_at = column(
            me.connection,
            "select relname from pg_stat_xact_user_tables"
            " where relname ~ '^_messages_\\d+$' and coalesce(seq_scan, 0) + coalesce(idx_scan, 0) > 0",
        )
    assert looked_at == [
        value(me.connection, "select to_char(now() at time zone 'UTC', '\"_messages_\"YYYYMMDD')")
    ]


def test_a_report_reads_its_own_messages_and_not_the_days(
    post: Post, me: Sender, superuser: Connection
) -> None:
    """Plans are kept from when there were few, and BRIN gives back whatever autovacuum has not seen yet."""
    fetched = (
        "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::integer from pg_stat_xact_user_tables"
        " where relname ~ '^_messages_\\d+$'"
    )
    post(users=20)
    superuser.execute("vacuum (analyze)")
    for _ in range(8):  # a plan is generic from the sixth call on
        for claimed in me.claim(1):
            me.deliver(claimed)
    post(users=4000)
    with me.connection.transaction():
        claimed = me.claim(300)
        me.report_all(claimed, "started")
        me.report_all(claimed, "sent")
        looked_at = value(me.connection, fetched)
    assert len(claimed) == 300
    assert looked_at <= 10 * len(claimed)

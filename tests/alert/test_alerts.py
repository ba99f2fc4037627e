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
    email,
    publish,
    rows,
    shift_clock,
    slack,
    value,
    work,
    workflow,
)

from .conftest import Look, Run, Sender, alerts, posted

FAILS = {"id": "rate", "query": "select 1 / (trigger.user_id - trigger.user_id) as x", "attempts": 1}


def _claim(sender: Sender, *lanes: str, channel: str = "email") -> list[dict[str, Any]]:
    return rows(
        sender.connection,
        "select * from dreamlit.claim(%s, %s, 10, lanes => %s)",
        channel,
        sender.name,
        list(lanes),
    )


def _kinds(superuser: Connection) -> list[str]:
    return column(superuser, "select kind from dreamlit.alerts where closed_at is null order by kind")


# Failed runs


def test_a_failed_run_is_told_with_its_error_and_the_command(
    run: Run, told: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    assert look() == 1
    (content,) = posted(superuser)
    assert content["to"] == ["ops@example.com"]
    assert content["subject"] == "[dreamlit] workflow hello: 1 task failed"
    for words in (
        "step rate of run 1",
        "division by zero",
        "dreamlit run show 1",
        "dreamlit.retry_failed('hello'",
    ):
        assert words in content["text"]


def test_the_command_of_the_alert_retries_what_failed(
    run: Run, told: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS, users=3)
    look()
    text = posted(superuser)[0]["text"]
    command = next(line for line in text.splitlines() if line.startswith("To retry: ")).removeprefix(
        "To retry: "
    )
    assert rows(told, command)[0]["runs"] == 3


def test_a_thousand_failures_are_one_alert_with_their_count(
    run: Run, told: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS, users=1000)
    assert look() == 1
    assert [(row["kind"], row["count"]) for row in alerts(superuser)] == [("failed", 1000)]
    assert posted(superuser)[0]["subject"] == "[dreamlit] workflow hello: 1000 tasks failed"


def test_more_of_the_same_is_counted_and_not_told_again(
    run: Run, told: Connection, app: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    look()
    add_users(app, 4)
    work(superuser, 2)
    assert look() == 0
    assert [row["count"] for row in alerts(superuser)] == [5]
    assert len(posted(superuser)) == 1


def test_each_workflow_has_its_own_alert(
    run: Run, told: Connection, app: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    publish(told, workflow(FAILS, name="other"))
    add_user(app)
    work(superuser, 2)
    look()
    assert [(row["subject"], row["count"]) for row in alerts(superuser)] == [("hello", 2), ("other", 1)]


def test_a_failed_delivery_is_a_failed_task(
    run: Run, told: Connection, me: Sender, look: Look, superuser: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="recipient", error="no such user")
    assert look() == 1
    assert "no such user" in posted(superuser)[0]["text"]


def test_an_attempt_that_is_tried_again_is_no_trouble(run: Run, told: Connection, look: Look) -> None:
    run({**FAILS, "attempts": 3})
    assert look() == 0


def test_the_worker_looks_by_itself(run: Run, told: Connection, superuser: Connection) -> None:
    run(FAILS)
    superuser.execute("update dreamlit._chores set due_at = '-infinity' where chore = 'alert'")
    work(superuser, 10)
    assert len(posted(superuser)) == 1


# Where it goes


def test_it_goes_to_the_address_and_the_channel_in_the_lane_alert(
    run: Run, told: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    look()
    assert rows(superuser, "select channel, lane, recipient from dreamlit.messages order by channel") == [
        {"channel": "email", "lane": "alert", "recipient": "ops@example.com"},
        {"channel": "slack", "lane": "alert", "recipient": "#ops"},
    ]
    assert "division by zero" in posted(superuser, "slack")[0]["text"]


def test_a_sender_takes_alerts_first_and_delivers_them_like_any_message(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    run(FAILS, {**email(), "after": "trigger"})
    look()
    (claimed,) = me.claim(1)
    assert claimed["content"]["to"] == ["ops@example.com"]
    assert me.deliver(claimed) == "sent"
    assert (
        value(superuser, "select state from dreamlit.messages where message_id = %s", claimed["message_id"])
        == "sent"
    )


def test_an_alert_that_cannot_be_delivered_is_no_new_alert(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    run(FAILS)
    look()
    me.deliver(me.claim(1)[0], "failed", fault="recipient", error="no such user")
    assert look() == 0
    assert _kinds(superuser) == ["failed"]


def test_without_an_address_the_alert_is_there_and_nothing_is_posted(
    run: Run, admin: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    look()
    (alert,) = alerts(superuser)
    assert alert["told_at"] is not None  # the server's log was told
    assert value(superuser, "select count(*) from dreamlit.messages") == 0


def test_the_servers_log_is_told(run: Run, told: Connection, superuser: Connection) -> None:
    run(FAILS)
    notices: list[str] = []
    superuser.add_notice_handler(
        lambda notice: notices.append(f"{notice.severity}: {notice.message_primary}")
    )
    superuser.execute("set client_min_messages = log")
    superuser.execute("select dreamlit._alert()")
    assert notices == ["LOG: [dreamlit] workflow hello: 1 task failed"]


def test_a_test_is_told_to_whoever_is_set(told: Connection, superuser: Connection) -> None:
    assert len(value(told, "select dreamlit.test_alert()")) == 2
    assert posted(superuser)[0]["subject"] == "[dreamlit] a test"
    assert alerts(superuser) == []


def test_a_test_with_nobody_to_tell_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error, match="nobody is set to be told") as caught:
        admin.execute("select dreamlit.test_alert()")
    assert caught.value.sqlstate == "DL003"
    assert "alert_email" in (caught.value.diag.message_hint or "")


@pytest.mark.parametrize(
    ("setting", "to"),
    [
        ("alert_email", "me"),
        ("alert_email", "a@x.org, b@x.org"),
        ("alert_email", "a@x.org\r\nBcc: b@x.org"),
        ("alert_email", 7),
        ("alert_slack", "#a b"),
        ("alert_slack", ""),
    ],
)
def test_what_is_no_address_and_no_channel_cannot_be_set(admin: Connection, setting: str, to: object) -> None:
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("select dreamlit.set_setting(%s, %s)", [setting, Jsonb(to)])
    assert caught.value.sqlstate == "DL001"


# Hostile words


def test_line_breaks_of_an_error_do_not_get_into_the_subject(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    superuser.execute("select dreamlit._post_alert(E'[dreamlit] a\\r\\nBcc: b@x.org\\ttab', 'text')")
    assert posted(superuser)[0]["subject"] == "[dreamlit] a Bcc: b@x.org tab"


def test_a_subject_is_not_longer_than_mail_allows(told: Connection, superuser: Connection) -> None:
    superuser.execute("select dreamlit._post_alert(repeat('x', 5000), 'text')")
    assert len(posted(superuser)[0]["subject"]) == 200


def test_an_error_cannot_call_everybody_in_slack(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="recipient", error="<!channel> & <https://evil.example|click>")
    look()
    text = posted(superuser, "slack")[0]["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in text
    assert "<" not in text


# Channels


def _stop_email(me: Sender) -> None:
    (claimed,) = me.claim(1)
    me.deliver(claimed, "failed", fault="configuration", error="535 wrong password")


def test_a_channel_that_stops_is_told(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    run(email())
    _stop_email(me)
    assert look() == 1
    (alert,) = alerts(superuser)
    assert (alert["kind"], alert["subject"]) == ("channel", "channel email")
    assert "535 wrong password" in posted(superuser)[0]["text"]


def test_a_stopped_email_channel_is_told_over_slack(
    run: Run, told: Connection, look: Look, me: Sender
) -> None:
    run(email())
    _stop_email(me)
    look()
    assert me.claim() == []
    (claimed,) = me.claim(channel="slack")
    assert "channel email has stopped" in claimed["content"]["text"]


def test_a_provider_that_asks_for_patience_is_no_trouble(
    run: Run, told: Connection, look: Look, me: Sender
) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="transient", error="429", retry_after=60)
    assert look() == 0


# Senders and the worker


def test_senders_that_fall_silent_are_told(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    run(email(), users=0)
    me.claim()
    assert look() == 0
    shift_clock(superuser, "3 minutes")
    assert look() == 1
    assert posted(superuser)[0]["subject"] == "[dreamlit] all senders are silent"


def test_a_sender_that_was_never_there_has_not_fallen_silent(
    told: Connection, look: Look, superuser: Connection
) -> None:
    work(superuser)
    assert look() == 0


def test_one_of_two_senders_is_enough(
    run: Run, told: Connection, look: Look, me: Sender, other: Sender, superuser: Connection
) -> None:
    run(email(), users=0)
    me.claim()
    shift_clock(superuser, "3 minutes")
    other.claim()
    assert look() == 0


def test_a_sender_of_alerts_takes_nothing_else_and_does_not_count_as_a_sender(
    run: Run, told: Connection, look: Look, me: Sender, other: Sender, superuser: Connection
) -> None:
    run(email())
    me.claim(0)
    shift_clock(superuser, "3 minutes")
    assert _claim(other, "alert") == []
    look()
    assert _kinds(superuser) == ["sender"]
    (claimed,) = _claim(other, "alert")
    assert claimed["content"]["subject"] == "[dreamlit] all senders are silent"


def test_a_lane_that_is_none_is_refused(sender: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sender.execute("select * from dreamlit.claim('email', 'me', 1, lanes => array['fast'])")
    assert caught.value.sqlstate == "DL001"


def test_a_worker_of_pg_cron_that_falls_silent_while_the_senders_tick_is_told(
    told: Connection, look: Look, superuser: Connection
) -> None:
    superuser.execute(
        "insert into dreamlit._workers (worker, started_at, last_tick_at) values"
        " ('work:1', clock_timestamp() - interval '10 minutes', clock_timestamp() - interval '3 minutes'),"
        " ('tick:me', clock_timestamp() - interval '10 minutes', clock_timestamp())"
    )
    assert look() == 1
    assert posted(superuser)[0]["subject"] == "[dreamlit] the worker is silent"
    assert "pg_cron's worker has been silent since" in posted(superuser)[0]["text"]


# Queues


def test_a_queue_that_is_late_is_told(run: Run, told: Connection, look: Look, superuser: Connection) -> None:
    run(email())
    assert look() == 0
    shift_clock(superuser, "6 minutes")
    assert look() == 1
    assert posted(superuser)[0]["subject"] == "[dreamlit] queue email urgent is late"


def test_how_late_is_a_setting(run: Run, told: Connection, look: Look, superuser: Connection) -> None:
    run(email())
    told.execute("select dreamlit.set_setting('alert_after', '\"10 minutes\"')")
    shift_clock(superuser, "6 minutes")
    assert look() == 0
    shift_clock(superuser, "11 minutes")
    assert look() == 1


@pytest.mark.parametrize("door", ["pause('hello')", "set_sandbox('hello', true)"])
def test_what_is_kept_back_on_purpose_is_not_late(
    run: Run, told: Connection, look: Look, superuser: Connection, door: str
) -> None:
    run(email())
    told.execute(f"select dreamlit.{door}".encode())
    shift_clock(superuser, "6 minutes")
    assert look() == 0


def test_a_rendering_of_a_paused_workflow_is_not_late(
    run: Run, told: Connection, app: Connection, look: Look, superuser: Connection
) -> None:
    run(email(), users=0)
    told.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    add_user(app)
    work(superuser, 2)
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_render") == 1
    told.execute("select dreamlit.pause('hello')")
    shift_clock(superuser, "6 minutes")
    assert look() == 0


def test_a_message_that_is_tried_again_later_is_not_late(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="transient", retry_after=1800)
    shift_clock(superuser, "10 minutes")
    me.claim()  # the sender lives
    assert look() == 0


def test_an_uncertain_message_is_told(
    run: Run, told: Connection, look: Look, me: Sender, superuser: Connection
) -> None:
    step = email()
    step["when_uncertain"] = "hold"
    run(step)
    me.deliver(me.claim()[0], "failed", fault="unknown", error="broke off")
    assert look() == 1
    assert posted(superuser)[0]["subject"] == "[dreamlit] 1 uncertain message is held"
    assert "dreamlit.release(message_id)" in posted(superuser)[0]["text"]


# The end of a trouble


def test_a_trouble_closes_when_it_has_been_quiet_and_is_then_told_anew(
    run: Run, app: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    look()
    shift_clock(superuser, "59 minutes")
    look()
    assert _kinds(superuser) == ["failed"]
    shift_clock(superuser, "61 minutes")
    look()
    assert _kinds(superuser) == []
    add_user(app)
    work(superuser, 2)
    assert look() == 1
    assert [row["count"] for row in alerts(superuser)] == [1, 1]


def test_a_trouble_that_lasts_stays_open_and_is_told_once(
    run: Run, told: Connection, look: Look, superuser: Connection
) -> None:
    run(slack())
    for hours in range(1, 5):
        shift_clock(superuser, f"{hours} hours")
        look()
    assert [row["kind"] for row in alerts(superuser) if row["subject"] == "queue slack urgent"] == ["queue"]


def test_how_long_is_quiet_is_a_setting(
    run: Run, told: Connection, look: Look, superuser: Connection
) -> None:
    run(FAILS)
    told.execute("select dreamlit.set_setting('alert_quiet', '\"1 minute\"')")
    look()
    shift_clock(superuser, "2 minutes")
    look()
    assert _kinds(superuser) == []


def test_a_closed_alert_is_forgotten_with_the_audit_log(run: Run, look: Look, superuser: Connection) -> None:
    run(FAILS)
    look()
    shift_clock(superuser, "1 day")
    look()
    shift_clock(superuser, "89 days")
    superuser.execute("select dreamlit._do_chore('forget workers')")
    assert [row["kind"] for row in alerts(superuser)] == ["failed"]
    shift_clock(superuser, "92 days")
    superuser.execute("select dreamlit._do_chore('forget workers')")
    assert alerts(superuser) == []


def test_a_reader_may_see_alerts_and_an_application_may_not(
    run: Run, told: Connection, look: Look, reader: Connection, app: Connection
) -> None:
    run(FAILS)
    look()
    assert value(reader, "select count(*) from dreamlit.alerts") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("select from dreamlit.alerts")

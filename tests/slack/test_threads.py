"""Replies in the thread of an earlier step's message, and messages to people."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, add_user, column, publish, rows, shift_clock, value, work, workflow
from tests.outbox.conftest import Sender

from .conftest import step


def _deliver(me: Sender, superuser: Connection, ahead: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Post what can be posted; `ts` is the message's text with a dot before it. Then let the steps below go on."""
    shift_clock(superuser, f"{ahead} seconds")
    claimed = me.claim(channel="slack")
    for row in claimed:
        me.deliver(row, "sent", **{"provider": "slack", "provider_id": f".{row['content']['text']}", **more})
    work(superuser, 3)
    return claimed


def _content(claimed: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = claimed
    found: dict[str, Any] = row["content"]
    return found


def _faults(admin: Connection, *steps: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(psycopg.Error) as refused:
        publish(admin, workflow(*steps))
    return str(refused.value.diag.message_primary), str(refused.value.diag.message_hint)


def test_a_reply_goes_into_the_thread_of_its_runs_message(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("first", channel="#all"), step("more", thread="first", text="reply")))
    add_user(app, "ann")
    work(superuser)
    first = _content(_deliver(me, superuser))
    assert "thread_ts" not in first
    reply = _content(_deliver(me, superuser, 5))
    assert (reply["channel"], reply["thread_ts"], reply["text"]) == ("#all", ".ann", "reply")
    assert "broadcast" not in reply
    assert column(superuser, "select recipient from dreamlit.messages") == ["#all", "#all"]
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_each_run_replies_to_its_own_message(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("first", channel="#{{ trigger.name }}"), step("more", thread="first")))
    for name in ("ann", "bob"):
        add_user(app, name)
    work(superuser)
    assert len(_deliver(me, superuser)) == 2
    replies = [row["content"] for row in _deliver(me, superuser, 5)]
    assert {(one["channel"], one["thread_ts"]) for one in replies} == {("#ann", ".ann"), ("#bob", ".bob")}


def test_below_a_fan_out_each_item_replies_to_its_own_message(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    users.execute("create table public.places as select * from (values ('here'), ('there')) as p(name)")
    publish(
        users,
        workflow(
            {"id": "place", "query": "select p.name from public.places as p"},
            step("first", channel="#{{ place.name }}", text="{{ place.name }}"),
            {"id": "thing", "query": "select n from generate_series(1, 2) as n"},
            step("more", thread="first", text="{{ place.name }} {{ thing.n }}"),
        ),
    )
    add_user(app, "ann")
    work(superuser, 3)
    assert len(_deliver(me, superuser)) == 2
    replies = [row["content"] for second in (5, 10, 15) for row in _deliver(me, superuser, second)]
    assert {(one["text"], one["channel"], one["thread_ts"]) for one in replies} == {
        (f"{place} {n}", f"#{place}", f".{place}") for place in ("here", "there") for n in (1, 2)
    }


def test_items_reply_to_one_message_above_the_fan_out(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(
        users,
        workflow(
            step("first", channel="#all"),
            {"id": "thing", "query": "select n from generate_series(1, 2) as n"},
            step("more", thread="first", text="{{ thing.n }}"),
        ),
    )
    add_user(app, "ann")
    work(superuser)
    _deliver(me, superuser)
    replies = [row["content"] for second in (5, 10) for row in _deliver(me, superuser, second)]
    assert [(one["text"], one["thread_ts"]) for one in replies] == [("1", ".ann"), ("2", ".ann")]


def test_a_reply_to_a_reply_goes_into_the_same_thread(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    steps = (
        step("one", channel="#all"),
        step("two", thread="one", text="two"),
        step("three", thread="two", text="three"),
    )
    publish(users, workflow(*steps))
    add_user(app, "ann")
    work(superuser)
    for second in (0, 5):
        _deliver(me, superuser, second)
    assert _content(_deliver(me, superuser, 10))["thread_ts"] == ".ann"


def test_a_reply_can_be_shown_in_the_channel_too(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("first", channel="#all"), step("more", thread="first", broadcast=True)))
    add_user(app, "ann")
    work(superuser)
    _deliver(me, superuser)
    assert _content(_deliver(me, superuser, 5))["broadcast"] is True


def test_a_reply_to_a_webhooks_message_carries_no_thread_for_the_sender_to_tell(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("first", channel="#all"), step("more", thread="first")))
    add_user(app, "ann")
    work(superuser)
    _deliver(me, superuser, provider_id=None)
    assert _content(_deliver(me, superuser, 5))["thread_ts"] is None


def test_a_reply_to_what_was_discarded_fails_and_says_so(
    users: Connection, app: Connection, superuser: Connection
) -> None:
    publish(users, workflow(step("first", channel="#all"), step("more", thread="first")))
    users.execute("select dreamlit.set_sandbox('hello', true)")
    add_user(app, "ann")
    work(superuser)
    users.execute("select dreamlit.discard_messages('hello')")
    work(superuser)
    (run,) = rows(superuser, "select state, last_error from dreamlit.runs")
    assert run["state"] == "failed"
    assert (
        run["last_error"]["message"]
        == "the step first posted no message in this run that could be replied to"
    )


def test_a_redirected_reply_stays_in_the_thread_of_a_redirected_message(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("first", channel="#all"), step("more", thread="first")))
    users.execute("select dreamlit.redirect('hello', slack => '#test')")
    add_user(app, "ann")
    work(superuser)
    _deliver(me, superuser)
    reply = _content(_deliver(me, superuser, 5))
    assert (reply["channel"], reply["thread_ts"]) == ("#test", ".ann")


def test_a_reply_that_is_redirected_elsewhere_leaves_the_thread(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("first", channel="#all"), step("more", thread="first", broadcast=True)))
    add_user(app, "ann")
    work(superuser)
    users.execute("select dreamlit.redirect('hello', slack => '#test')")
    _deliver(me, superuser)
    reply = _content(_deliver(me, superuser, 5))
    assert reply["channel"] == "#test"
    assert not {"thread_ts", "broadcast"} & set(reply)


# People


def test_a_message_to_a_person_carries_the_address(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("direct", to="{{ trigger.email }}")))
    add_user(app, "ann")
    work(superuser)
    content = _content(me.claim(channel="slack"))
    assert (content["to"], content["channel"]) == ("ann@example.com", None)
    assert value(superuser, "select recipient from dreamlit.messages") == "ann@example.com"


def test_a_reply_to_a_person_goes_to_the_same_person(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("direct", to="{{ trigger.email }}"), step("more", thread="direct")))
    add_user(app, "ann")
    work(superuser)
    _deliver(me, superuser)
    reply = _content(_deliver(me, superuser, 5))
    assert (reply["to"], reply["thread_ts"]) == ("ann@example.com", ".ann")


def test_a_redirected_message_to_a_person_goes_to_the_channel_only(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    publish(users, workflow(step("direct", to="{{ trigger.email }}")))
    users.execute("select dreamlit.redirect('hello', slack => '#test')")
    add_user(app, "ann")
    work(superuser)
    content = _content(me.claim(channel="slack"))
    assert content["channel"] == "#test"
    assert "to" not in content


@pytest.mark.parametrize("address", ["nobody", "a@example.com, b@example.com", "Ann <ann@example.com>"])
def test_what_is_not_one_address_fails_its_task(
    users: Connection, app: Connection, superuser: Connection, address: str
) -> None:
    publish(users, workflow(step("direct", to="{{ trigger.name }}")))
    add_user(app, address, email="x@example.com")
    work(superuser)
    (run,) = rows(superuser, "select state, last_error from dreamlit.runs")
    assert (run["state"], run["last_error"]["code"]) == ("failed", "address")


# Faults


def test_a_reply_to_no_step_is_refused_with_the_nearest(users: Connection) -> None:
    fact, hint = _faults(users, step("first", channel="#all"), step("more", thread="frist"))
    assert "steps[1].slack.thread" in fact
    assert "there is no step frist" in fact
    assert "first" in hint + fact


def test_a_reply_to_a_step_beside_it_is_refused(users: Connection) -> None:
    fact, _ = _faults(users, step("first", channel="#all"), step("more", after="trigger", thread="first"))
    assert "the step first does not come before more on its way" in fact


def test_a_reply_to_a_step_of_another_kind_is_refused(users: Connection) -> None:
    fact, _ = _faults(users, {"id": "nap", "wait": "1 day"}, step("more", thread="nap"))
    assert "the step nap posts nothing to Slack" in fact


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"thread": "first", "channel": "#b"}, "the reply names a place of its own"),
        ({"thread": "first", "to": "a@example.com"}, "the reply names a place of its own"),
        ({"channel": "#b", "to": "a@example.com"}, "a channel and a person"),
        ({"channel": "#b", "broadcast": True}, "broadcast stands without thread"),
        ({"thread": "first", "broadcast": "yes"}, 'broadcast is "yes"'),
        ({"to": "nobody"}, "nobody"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(
    users: Connection, keys: dict[str, Any], wrong: str
) -> None:
    fact, _ = _faults(users, step("first", channel="#all"), step("more", **keys))
    assert wrong in fact

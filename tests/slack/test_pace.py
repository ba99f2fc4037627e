"""One message a second for each Slack channel, whoever sends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.helpers import (
    Connection,
    add_users,
    column,
    publish,
    rows,
    shift_clock,
    value,
    wait_for_lock,
    work,
    workflow,
)
from tests.outbox.conftest import Sender

from .conftest import step


def _post(
    admin: Connection, app: Connection, superuser: Connection, *steps: dict[str, Any], users: int
) -> None:
    publish(admin, workflow(*(steps or (step("team", channel="#all"),))))
    add_users(app, users)
    work(superuser)


def _queued(superuser: Connection) -> list[str]:
    """The texts of all messages, first come, first."""
    return column(superuser, "select content ->> 'text' from dreamlit.messages order by message_id")


def _texts(claimed: list[dict[str, Any]]) -> list[str]:
    return [row["content"]["text"] for row in claimed]


def test_of_one_channel_one_message_is_handed_out_a_second(
    users: Connection, app: Connection, superuser: Connection, me: Sender, other: Sender
) -> None:
    _post(users, app, superuser, users=3)
    first, second, third = _queued(superuser)
    assert _texts(me.claim(channel="slack")) == [first]
    assert other.claim(channel="slack") == []
    shift_clock(superuser, "1 second")
    assert _texts(other.claim(channel="slack")) == [second]
    assert me.claim(channel="slack") == []
    shift_clock(superuser, "2 seconds")
    assert _texts(me.claim(channel="slack")) == [third]


def test_channels_do_not_wait_for_each_other(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    _post(users, app, superuser, step("one", "trigger", channel="#{{ trigger.name }}"), users=5)
    assert len(me.claim(channel="slack")) == 5


def test_no_more_than_was_asked_for_comes_and_the_rest_keeps_its_turn(
    users: Connection, app: Connection, superuser: Connection, me: Sender, other: Sender
) -> None:
    _post(users, app, superuser, step("one", "trigger", channel="#{{ trigger.name }}"), users=5)
    assert len(me.claim(2, channel="slack")) == 2
    assert len(other.claim(channel="slack")) == 3


def test_the_lanes_of_one_channel_share_its_pace_and_urgent_goes_first(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    bulk = {**step("slow", "trigger", channel="#all", text="bulk"), "lane": "bulk"}
    urgent = {**step("fast", "trigger", channel="#all", text="urgent"), "lane": "urgent"}
    _post(users, app, superuser, bulk, urgent, users=1)
    assert _texts(me.claim(channel="slack")) == ["urgent"]
    shift_clock(superuser, "1 second")
    assert _texts(me.claim(channel="slack")) == ["bulk"]


def test_an_urgent_message_does_not_wait_behind_those_that_wait_in_bulk(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    bulk = {**step("slow", "trigger", channel="#all"), "lane": "bulk"}
    _post(users, app, superuser, bulk, users=50)
    me.claim(channel="slack")
    publish(users, workflow({**step("fast", channel="#all", text="urgent"), "lane": "urgent"}, name="other"))
    add_users(app, 1)
    work(superuser)
    shift_clock(superuser, "1 second")
    assert _texts(me.claim(channel="slack")) == ["urgent"]


def test_a_later_message_does_not_overtake_those_that_wait(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    _post(users, app, superuser, users=3)
    me.claim(channel="slack")
    app.execute("insert into public.users (name) values ('late')")
    work(superuser)
    found = []
    for second in range(1, 4):
        shift_clock(superuser, f"{second} seconds")
        found += _texts(me.claim(channel="slack"))
    assert found == _queued(superuser)[1:]
    assert found[-1] == "late"


def test_all_of_a_long_queue_get_their_turn(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    _post(users, app, superuser, users=130)
    found = 0
    for second in range(140):
        shift_clock(superuser, f"{second} seconds")
        for claimed in me.claim(channel="slack"):
            assert me.deliver(claimed) == "sent"
            found += 1
    assert found == 130


def test_waiting_for_a_turn_costs_no_attempt_and_shows_when_it_comes(
    users: Connection, app: Connection, superuser: Connection, me: Sender, reader: Connection
) -> None:
    _post(users, app, superuser, users=2)
    me.claim(channel="slack")
    waiting = rows(reader, "select state, attempts, retry_at from dreamlit.messages order by message_id")[-1]
    assert (waiting["state"], waiting["attempts"]) == ("queued", 0)
    assert waiting["retry_at"] == value(superuser, "select max(tail_at) from dreamlit._paces")


def test_claims_of_two_senders_follow_one_another(
    users: Connection, app: Connection, superuser: Connection, connect: Callable[..., Connection]
) -> None:
    _post(users, app, superuser, users=2)
    first, second = connect("sender", autocommit=False), connect("sender", autocommit=False)
    assert len(Sender(first, "first").claim(channel="slack")) == 1
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.extend(Sender(second, "second").claim(channel="slack")))
    waiting.start()
    wait_for_lock(superuser, second)
    first.commit()
    waiting.join()
    assert found == []


def test_claims_of_email_do_not_wait_for_those_of_slack(
    users: Connection, app: Connection, superuser: Connection, connect: Callable[..., Connection]
) -> None:
    email = {
        "id": "mail",
        "after": "trigger",
        "email": {"to": "{{ trigger.email }}", "subject": "s", "text": "t"},
    }
    _post(users, app, superuser, step("team", channel="#all"), email, users=1)
    first, second = connect("sender", autocommit=False), connect("sender", autocommit=False)
    second.execute("set lock_timeout = '1ms'")
    assert len(Sender(first, "first").claim(channel="slack")) == 1
    assert len(Sender(second, "second").claim(channel="email")) == 1


def test_the_pace_can_be_set(users: Connection, app: Connection, superuser: Connection, me: Sender) -> None:
    users.execute("""select dreamlit.set_setting('slack_pace', '"10 seconds"')""")
    _post(users, app, superuser, users=2)
    me.claim(channel="slack")
    shift_clock(superuser, "9 seconds")
    assert me.claim(channel="slack") == []
    shift_clock(superuser, "10 seconds")
    assert len(me.claim(channel="slack")) == 1


def test_without_a_pace_everything_goes_at_once(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    users.execute("""select dreamlit.set_setting('slack_pace', '"0 seconds"')""")
    _post(users, app, superuser, users=5)
    assert len(me.claim(channel="slack")) == 5


@pytest.mark.parametrize("pace", ['"-1 second"', '"2 hours"', "1", '"often"'])
def test_a_pace_that_is_none_is_refused(admin: Connection, pace: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        admin.execute("select dreamlit.set_setting('slack_pace', %s::jsonb)", [pace])
    assert refused.value.sqlstate == "DL001"


def test_what_is_known_of_a_channel_names_it_nowhere_and_is_forgotten(
    users: Connection, app: Connection, superuser: Connection, me: Sender
) -> None:
    _post(users, app, superuser, users=1)
    me.claim(channel="slack")
    assert "#all" not in str(column(superuser, "select p::text from dreamlit._paces as p"))
    shift_clock(superuser, "2 hours")
    superuser.execute("select dreamlit._do_chore('forget workers')")
    assert value(superuser, "select count(*) from dreamlit._paces") == 0

from __future__ import annotations

import psycopg
import pytest
from tests.helpers import (
    Connection,
    add_user,
    email,
    publish,
    rows,
    shift_clock,
    slack,
    value,
    work,
    workflow,
)

from .conftest import Post, Sender, message


def test_a_claimed_message_is_complete(post: Post, me: Sender) -> None:
    post()
    (claimed,) = me.claim()
    assert claimed["attempt"] == 1
    assert claimed["content"]["to"] == ["user1@example.com"]
    assert claimed["content"]["subject"] == "Hi"
    assert claimed["content"]["text"] == "Hello user1"
    assert claimed["templates"] is None


def test_a_message_has_one_number_everywhere(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    (claimed,) = me.claim()
    assert message(superuser)["message_id"] == claimed["message_id"]
    assert value(superuser, "select msg_id from pgmq.q_dreamlit_email_urgent") == claimed["message_id"]


def test_a_claimed_message_is_not_claimed_again(post: Post, me: Sender, other: Sender) -> None:
    post(users=3)
    assert len(me.claim(2)) == 2
    assert len(other.claim(10)) == 1
    assert me.claim() == []


def test_no_more_is_claimed_than_asked_for(post: Post, me: Sender) -> None:
    post(users=5)
    assert [len(me.claim(2)) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize("quantity", [0, -1])
def test_asking_for_none_gives_none(post: Post, me: Sender, quantity: int) -> None:
    post()
    assert me.claim(quantity) == []


def test_urgent_comes_before_bulk(post: Post, me: Sender) -> None:
    post(email("many", lane="bulk"), email("one", lane="urgent", after="trigger"), users=2)
    claimed = me.claim(3)
    content = [row["message_id"] for row in claimed]
    lanes = dict(me_lanes(me, content))
    assert [lanes[row["message_id"]] for row in claimed] == ["urgent", "urgent", "bulk"]


def me_lanes(me: Sender, ids: list[int]) -> list[tuple[int, str]]:
    with psycopg.connect(me.connection.info.dsn, user="postgres") as connection:
        return [
            (row["message_id"], row["lane"])
            for row in rows(connection, "select message_id, lane from dreamlit.messages")
        ]


def test_the_oldest_comes_first(post: Post, me: Sender) -> None:
    post(users=4)
    claimed = [me.claim(1)[0]["message_id"] for _ in range(4)]
    assert claimed == sorted(claimed)


def test_a_lease_that_has_ended_gives_the_message_back(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post()
    me.claim()
    assert other.claim() == []
    shift_clock(superuser, "61 seconds")
    assert [row["attempt"] for row in other.claim()] == [2]


def test_a_lease_can_be_chosen(post: Post, me: Sender, other: Sender, superuser: Connection) -> None:
    post()
    me.claim(lease="10 minutes")
    shift_clock(superuser, "9 minutes")
    assert other.claim() == []
    shift_clock(superuser, "11 minutes")
    assert len(other.claim()) == 1


def test_the_leases_length_is_a_setting(
    post: Post, me: Sender, admin: Connection, superuser: Connection
) -> None:
    post()
    admin.execute("select dreamlit.set_setting('lease', '\"5 minutes\"')")
    (claimed,) = me.claim()
    assert value(
        superuser, "select %s - now() between '290 seconds' and '300 seconds'", claimed["lease_until"]
    )


def test_a_paused_workflows_messages_stay(post: Post, me: Sender, admin: Connection) -> None:
    post()
    admin.execute("select dreamlit.pause('hello')")
    assert me.claim() == []
    admin.execute("select dreamlit.resume('hello')")
    assert len(me.claim()) == 1


def test_a_paused_workflow_does_not_hold_up_another(
    post: Post, me: Sender, admin: Connection, app: Connection, superuser: Connection
) -> None:
    post()
    publish(admin, workflow(email(to="b@example.com"), name="second"))
    admin.execute("select dreamlit.pause('hello')")
    add_user(app, "new")
    work(superuser)
    assert [row["content"]["to"] for row in me.claim()] == [["b@example.com"]]


def test_a_message_claimed_before_the_pause_may_not_leave(post: Post, me: Sender, admin: Connection) -> None:
    post()
    (claimed,) = me.claim()
    admin.execute("select dreamlit.pause('hello')")
    assert me.report(claimed, "started") == "queued"


def test_channels_are_claimed_apart(post: Post, me: Sender) -> None:
    post(email(), slack())
    (claimed,) = me.claim(channel="slack")
    assert claimed["content"]["channel"] == "#all"
    assert claimed["content"]["text"] == "user1"
    assert len(me.claim(channel="email")) == 1


def test_an_unknown_channel_is_refused(me: Sender) -> None:
    with pytest.raises(psycopg.Error) as caught:
        me.claim(channel="pigeon")
    assert caught.value.sqlstate == "DL002"
    assert caught.value.diag.message_hint == "use email, slack or render"


def test_a_claim_that_is_rolled_back_never_was(post: Post, sender: Connection) -> None:
    post()
    with sender.transaction(force_rollback=True):
        assert len(Sender(sender, "me").claim()) == 1
    assert [row["attempt"] for row in Sender(sender, "me").claim()] == [1]


def test_the_sender_is_seen(post: Post, me: Sender, superuser: Connection) -> None:
    post()
    me.claim()
    (health,) = rows(superuser, "select state, number, detail from dreamlit.health where name = 'sender'")
    assert health == {"state": "ok", "number": 1, "detail": "me"}


def test_several_recipients_get_a_message_each_and_cc_goes_with_the_first(post: Post, me: Sender) -> None:
    step = {
        "id": "tell",
        "email": {
            "to": "a@example.com, b@example.com, a@example.com",
            "cc": "c@example.com",
            "bcc": "d@example.com",
            "subject": "Hi",
            "text": "Hi",
        },
    }
    post(step)
    found = [(row["content"]["to"], row["content"]["cc"], row["content"]["bcc"]) for row in me.claim()]
    assert found == [
        (["a@example.com"], ["c@example.com"], ["d@example.com"]),
        (["b@example.com"], [], []),
    ]


def test_no_recipient_at_all_fails_the_task(
    post: Post, me: Sender, admin: Connection, app: Connection, superuser: Connection
) -> None:
    post(users=0)
    add_user(app, "nobody", email=" ")
    work(superuser)
    assert me.claim() == []
    (task,) = rows(superuser, "select state, error from dreamlit.tasks")
    assert task["state"] == "failed"
    assert task["error"]["message"]


def test_a_claim_needs_no_rights_but_the_senders(post: Post, app: Connection, reader: Connection) -> None:
    post()
    for role in (app, reader):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            role.execute("select * from dreamlit.claim('email', 'me', 1)")


def test_waiting_messages_that_are_claimed_do_not_slow_a_claim_down(
    post: Post, me: Sender, superuser: Connection
) -> None:
    """What is claimed already is stepped over in the index's order, not sorted anew."""
    post(users=50)
    me.claim(25)
    assert len(me.claim(25)) == 25
    assert me.claim(25) == []

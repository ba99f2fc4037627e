"""Two senders at once, one of which dies: nothing is lost, nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.helpers import Connection, column, rows, shift_clock, value, wait_for_lock, wait_until

from .conftest import Post, Sender

Connect = Callable[..., Connection]


def _kill(superuser: Connection, victim: Connection) -> None:
    pid = victim.info.backend_pid
    superuser.execute("select pg_terminate_backend(%s)", [pid])
    wait_until(lambda: value(superuser, "select count(*) from pg_stat_activity where pid = %s", pid) == 0)


def _all_sent_once(superuser: Connection, messages: int) -> None:
    assert value(superuser, "select count(*) from dreamlit.messages where state = 'sent'") == messages
    assert value(superuser, "select count(*) from dreamlit._attempts where outcome = 'sent'") == messages
    assert value(superuser, "select count(*) from dreamlit._outbox") == 0
    assert set(column(superuser, "select state from dreamlit.runs")) == {"done"}


def test_two_senders_never_claim_the_same(post: Post, me: Sender, other: Sender) -> None:
    post(users=200)

    def drain(sender: Sender) -> list[int]:
        found: list[int] = []
        while claimed := sender.claim(7):
            found += [row["message_id"] for row in claimed]
        return found

    with ThreadPoolExecutor(2) as pool:
        mine, theirs = pool.map(drain, [me, other])
    assert len(mine) + len(theirs) == len(set(mine) | set(theirs)) == 200


def test_a_claim_does_not_wait_for_another_that_is_under_way(
    post: Post, me: Sender, connect: Connect
) -> None:
    post(users=4)
    slow = connect("sender", autocommit=False)
    assert len(Sender(slow, "slow").claim(2)) == 2
    assert len(me.claim(10)) == 2
    slow.commit()


def test_killed_in_the_claims_transaction_it_never_claimed(
    post: Post, me: Sender, connect: Connect, superuser: Connection
) -> None:
    post(users=2)
    victim = connect("sender", autocommit=False)
    Sender(victim, "victim").claim()
    assert me.claim() == []
    _kill(superuser, victim)
    assert [row["attempt"] for row in me.claim()] == [1, 1]


def test_killed_between_claim_and_start_the_other_sends_everything_once(
    post: Post, me: Sender, connect: Connect, superuser: Connection
) -> None:
    post(users=10)
    victim = connect("sender")
    assert len(Sender(victim, "victim").claim(5)) == 5
    _kill(superuser, victim)
    for row in me.claim():
        me.deliver(row)
    assert me.claim() == []
    shift_clock(superuser, "61 seconds")
    for row in me.claim():
        me.deliver(row)
    _all_sent_once(superuser, 10)


def test_killed_while_delivering_its_messages_are_held_and_not_sent_by_the_other(
    post: Post, me: Sender, connect: Connect, superuser: Connection
) -> None:
    post(users=10)
    victim = Sender(connect("sender"), "victim")
    claimed = victim.claim(5)
    victim.report_all(claimed, "started")
    _kill(superuser, victim.connection)
    shift_clock(superuser, "61 seconds")
    superuser.execute("select dreamlit._reap()")
    others = me.claim()
    assert {row["message_id"] for row in others}.isdisjoint(row["message_id"] for row in claimed)
    for row in others:
        me.deliver(row)
    states = column(superuser, "select state from dreamlit.messages order by state")
    assert states == ["sent"] * 5 + ["uncertain"] * 5


def test_killed_in_the_reports_transaction_it_may_report_again(
    post: Post, connect: Connect, superuser: Connection
) -> None:
    post(users=3)
    first = Sender(connect("sender"), "me")
    claimed = first.claim()
    first.report_all(claimed, "started")
    victim = connect("sender", autocommit=False)
    Sender(victim, "me").report_all(claimed, "sent")
    _kill(superuser, victim)
    assert {row["state"] for row in first.report_all(claimed, "sent")} == {"sent"}
    _all_sent_once(superuser, 3)


def test_the_same_report_from_two_sessions_at_once_counts_once(
    post: Post, connect: Connect, superuser: Connection
) -> None:
    """A sender that lost its connection reports again while the first report is still under way."""
    post(users=3)
    slow = connect("sender", autocommit=False)
    again = Sender(connect("sender"), "me")
    claimed = again.claim()
    again.report_all(claimed, "started")
    Sender(slow, "me").report_all(claimed, "sent")
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(again.report_all, claimed, "sent")
        wait_for_lock(superuser, again.connection)
        slow.commit()
        second.result(timeout=30)
    _all_sent_once(superuser, 3)


@pytest.mark.parametrize("fault", ["transient", "recipient"])
def test_the_same_failure_from_two_sessions_at_once_counts_once(
    post: Post, connect: Connect, superuser: Connection, fault: str
) -> None:
    post()
    slow = connect("sender", autocommit=False)
    again = Sender(connect("sender"), "me")
    (claimed,) = again.claim()
    again.report(claimed, "started")
    Sender(slow, "me").report(claimed, "failed", fault=fault)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(again.report, claimed, "failed", fault=fault)
        wait_for_lock(superuser, again.connection)
        slow.commit()
        second.result(timeout=30)
    assert column(superuser, "select attempts from dreamlit.messages") == [1]
    assert value(superuser, "select count(*) from dreamlit._attempts") == 1


def test_two_reports_of_the_same_messages_in_other_orders_do_not_wait_in_a_circle(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post(users=100)
    claimed = me.claim(100)
    me.report_all(claimed, "started")
    with ThreadPoolExecutor(2) as pool:
        ends = [
            pool.submit(me.report_all, claimed, "sent"),
            pool.submit(other.report_all, claimed[::-1], "sent"),
        ]
        for end in ends:
            end.result(timeout=30)
    _all_sent_once(superuser, 100)


def test_reports_of_messages_of_one_run_from_two_senders_do_not_wait_in_a_circle(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    from tests.helpers import email

    post(email(to="a@example.com, b@example.com"), users=50)
    claimed = me.claim(100)
    me.report_all(claimed, "started")
    with ThreadPoolExecutor(2) as pool:
        ends = [
            pool.submit(me.report_all, claimed[::2], "sent"),
            pool.submit(other.report_all, claimed[1::2][::-1], "sent"),
        ]
        for end in ends:
            end.result(timeout=30)
    _all_sent_once(superuser, 100)


def test_a_stopped_sender_gives_everything_back(
    post: Post, me: Sender, other: Sender, superuser: Connection
) -> None:
    post(users=4)
    claimed = me.claim()
    me.report_all(claimed, "released")
    assert len(other.claim()) == 4
    assert rows(superuser, "select * from dreamlit.attempts") == []


def test_a_sender_whose_session_is_gone_reports_in_a_new_one(
    post: Post, connect: Connect, superuser: Connection
) -> None:
    post()
    victim = Sender(connect("sender"), "me")
    (claimed,) = victim.claim()
    victim.report(claimed, "started")
    _kill(superuser, victim.connection)
    with pytest.raises(psycopg.OperationalError):
        victim.report(claimed, "sent")
    assert Sender(connect("sender"), "me").report(claimed, "sent") == "sent"
    _all_sent_once(superuser, 1)

"""Token buckets of channels and providers, shared by all senders, and what a provider's rate limit costs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, column, email, rows, shift_clock, slack, value, wait_for_lock

from .conftest import Post, Sender, message


def _limit(admin: Connection, bucket: str, per_second: object, burst: int | None = None) -> None:
    admin.execute("select dreamlit.set_rate(%s, %s::numeric, %s)", [bucket, per_second, burst])


def _claim_for(me: Sender, provider: str) -> list[dict[str, Any]]:
    return rows(
        me.connection,
        "select * from dreamlit.claim('email', 'me', 10, release => '0.2.0', provider => %s)",
        provider,
    )


# Buckets


def test_a_claim_hands_out_no_more_than_the_bucket_holds(post: Post, me: Sender, admin: Connection) -> None:
    post(users=5)
    _limit(admin, "email", 3)
    assert len(me.claim()) == 3
    assert me.claim() == []


def test_the_bucket_is_shared_by_all_senders(
    post: Post, me: Sender, other: Sender, admin: Connection
) -> None:
    post(users=5)
    _limit(admin, "email", 3)
    assert len(me.claim(2)) == 2
    assert len(other.claim()) == 1


def test_tokens_come_in_with_time_up_to_the_burst(
    post: Post, me: Sender, admin: Connection, superuser: Connection
) -> None:
    post(users=10)
    _limit(admin, "email", 2, 4)
    assert len(me.claim()) == 4
    shift_clock(superuser, "1 second")
    assert len(me.claim()) == 2
    shift_clock(superuser, "1 hour")
    assert len(me.claim()) == 4


def test_a_rate_below_one_a_second_adds_up(
    post: Post, me: Sender, admin: Connection, superuser: Connection
) -> None:
    post(users=3)
    _limit(admin, "email", "0.1")
    assert len(me.claim()) == 1
    shift_clock(superuser, "5 seconds")
    assert me.claim() == []
    shift_clock(superuser, "11 seconds")
    assert len(me.claim()) == 1


def test_what_a_claim_did_not_find_costs_no_token(
    post: Post, me: Sender, admin: Connection, reader: Connection
) -> None:
    post(users=2)
    _limit(admin, "email", 1, 5)
    assert len(me.claim()) == 2
    assert value(reader, "select tokens < 4 and tokens >= 3 from dreamlit.rates where bucket = 'email'")


def test_the_tokens_of_one_channel_are_nothing_to_the_other(
    post: Post, me: Sender, admin: Connection
) -> None:
    post(email(), slack(), users=2)
    _limit(admin, "slack", 1)
    assert len(me.claim()) == 2


def test_a_providers_bucket_holds_back_only_those_who_deliver_by_it(
    post: Post, me: Sender, admin: Connection
) -> None:
    post(users=4)
    _limit(admin, "resend", 1)
    assert len(_claim_for(me, "resend")) == 1
    assert _claim_for(me, "resend") == []
    assert len(_claim_for(me, "postmark")) == 3


def test_the_smaller_of_channel_and_provider_counts(
    post: Post, me: Sender, admin: Connection, reader: Connection
) -> None:
    post(users=9)
    _limit(admin, "email", 5)
    _limit(admin, "resend", 2)
    assert len(_claim_for(me, "resend")) == 2
    assert value(reader, "select floor(tokens) from dreamlit.rates where bucket = 'email'") == 3


def test_claims_of_one_bucket_follow_one_another(
    post: Post, me: Sender, connect: Callable[..., Connection], admin: Connection, superuser: Connection
) -> None:
    post(users=5)
    _limit(admin, "email", 3)
    first, second = connect("sender", autocommit=False), connect("sender", autocommit=False)
    assert len(Sender(first, "first").claim()) == 3
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.extend(Sender(second, "second").claim()))
    waiting.start()
    wait_for_lock(superuser, second)
    first.commit()
    waiting.join()
    assert found == []


def test_without_a_rate_claims_lock_nothing_of_each_others(
    post: Post, connect: Callable[..., Connection], superuser: Connection
) -> None:
    post(users=4)
    first, second = connect("sender", autocommit=False), connect("sender", autocommit=False)
    for connection in (first, second):
        connection.execute("set lock_timeout = '1ms'")
    assert len(Sender(first, "first").claim(2)) == 2
    assert len(Sender(second, "second").claim(2)) == 2


def test_lifting_the_rate_lets_everything_go(post: Post, me: Sender, admin: Connection) -> None:
    post(users=5)
    _limit(admin, "email", 1)
    me.claim()
    _limit(admin, "email", None)
    assert len(me.claim()) == 4


def test_a_smaller_burst_takes_what_is_too_much(post: Post, me: Sender, admin: Connection) -> None:
    post(users=9)
    _limit(admin, "email", 8)
    _limit(admin, "email", 1, 2)
    assert len(me.claim()) == 2


@pytest.mark.parametrize(
    ("bucket", "per_second", "burst"),
    [("email", 0, None), ("email", -1, None), ("email", "NaN", None), ("email", 1, 0)],
)
def test_a_rate_that_is_none_is_refused(
    admin: Connection, bucket: str, per_second: object, burst: int | None
) -> None:
    with pytest.raises(psycopg.Error) as refused:
        _limit(admin, bucket, per_second, burst)
    assert refused.value.sqlstate == "DL001"


def test_a_bucket_that_nobody_takes_from_is_refused_with_the_nearest_name(admin: Connection) -> None:
    with pytest.raises(psycopg.Error) as refused:
        _limit(admin, "resent", 1)
    assert refused.value.sqlstate == "DL002"
    assert "resend" in (refused.value.diag.message_hint or "")


def test_who_set_a_rate_is_in_the_audit_log(admin: Connection, superuser: Connection) -> None:
    _limit(admin, "ses", 14)
    (found,) = rows(superuser, "select actor, action, detail from dreamlit._audit_log")
    assert found == {
        "actor": "tests_admin",
        "action": "set rate",
        "detail": {"bucket": "ses", "per_second": 14, "burst": 14},
    }


# Rate limits


def test_a_rate_limit_uses_up_no_attempt(post: Post, me: Sender, superuser: Connection) -> None:
    post(email(attempts=1))
    for ahead in (0, 100, 200):
        shift_clock(superuser, f"{ahead} seconds")
        (claimed,) = me.claim()
        assert me.deliver(claimed, "failed", fault="transient", code="429", retry_after=90) == "queued"
    assert message(superuser)["attempts"] == 0
    assert column(superuser, "select fault from dreamlit.attempts") == ["limited"] * 3
    shift_clock(superuser, "300 seconds")
    assert me.deliver(me.claim()[0]) == "sent"


def test_after_a_rate_limit_the_message_goes_as_soon_as_the_channel_does(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    me.deliver(me.claim()[0], "failed", fault="transient", code="429", retry_after=90)
    shift_clock(superuser, "89 seconds")
    assert me.claim() == []
    shift_clock(superuser, "91 seconds")
    assert len(me.claim()) == 1


def test_a_rate_limit_that_says_no_time_uses_up_an_attempt(
    post: Post, me: Sender, superuser: Connection
) -> None:
    post()
    me.deliver(me.claim()[0], "failed", fault="transient", code="429")
    assert message(superuser)["attempts"] == 1

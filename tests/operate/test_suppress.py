"""Addresses that get no mail."""

from __future__ import annotations

import psycopg
import pytest
from tests.helpers import Connection, column, email, slack, value, work

from .conftest import Run, Sender, states


def suppress(admin: Connection, address: str) -> bool:
    found: bool = value(admin, "select dreamlit.suppress(%s)", address)
    return found


def _states(superuser: Connection) -> list[str]:
    return column(superuser, "select state from dreamlit.messages order by recipient")


def test_a_message_that_was_queued_before_is_settled_when_it_is_claimed(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), users=2)
    assert suppress(admin, "user1@example.com") is True
    assert _states(superuser) == ["queued", "queued"]
    assert [row["content"]["to"] for row in me.claim()] == [["user2@example.com"]]
    assert _states(superuser) == ["suppressed", "queued"]


def test_its_task_is_done_and_the_run_goes_on(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), slack("more", after="tell"))
    suppress(admin, "user1@example.com")
    me.claim()
    work(superuser, 2)
    assert states(superuser, "tell") == ["done"]
    assert states(superuser, "more") == ["sending"]


def test_the_other_recipients_of_a_task_get_theirs(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(to="a@x.org, b@x.org"))
    suppress(admin, "a@x.org")
    (claimed,) = me.claim()
    me.deliver(claimed)
    assert _states(superuser) == ["suppressed", "sent"]
    assert states(superuser, "tell") == ["done"]


@pytest.mark.parametrize("written", ["Ann <ANN@Example.com>", "ann@example.com", "ANN@EXAMPLE.COM"])
@pytest.mark.parametrize("said", ["ann@example.com", "Somebody <Ann@Example.COM>"])
def test_names_and_cases_do_not_matter(
    run: Run, admin: Connection, me: Sender, superuser: Connection, written: str, said: str
) -> None:
    run(email(to=written))
    suppress(admin, said)
    assert me.claim() == []
    assert _states(superuser) == ["suppressed"]


def test_an_address_that_is_like_it_gets_its_mail(run: Run, admin: Connection, me: Sender) -> None:
    run(email(to="bob@x.com, jbob@x.com, bob@x.com.au"))
    suppress(admin, "bob@x.com")
    assert sorted(row["content"]["to"][0] for row in me.claim()) == ["bob@x.com.au", "jbob@x.com"]


def test_a_suppressed_address_in_cc_or_bcc_gets_no_mail(run: Run, admin: Connection, me: Sender) -> None:
    step = email()
    step["email"] = {
        "to": "a@x.org",
        "cc": "Bob <bob@x.org>, c@x.org",
        "bcc": "bob@x.org",
        "subject": "Hi",
        "text": "Hi",
    }
    run(step)
    suppress(admin, "bob@x.org")
    (claimed,) = me.claim()
    assert (claimed["content"]["to"], claimed["content"]["cc"], claimed["content"]["bcc"]) == (
        ["a@x.org"],
        ["c@x.org"],
        [],
    )


def test_a_delivery_that_has_begun_ends(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    me.report(claimed, "started")
    suppress(admin, "user1@example.com")
    assert me.report(claimed, "sent") == "sent"


def test_lifting_it_lets_mail_through_again(run: Run, admin: Connection, me: Sender) -> None:
    run(email())
    suppress(admin, "user1@example.com")
    assert value(admin, "select dreamlit.unsuppress('User1 <USER1@example.com>')") is True
    assert len(me.claim()) == 1


def test_it_says_whether_anything_changed(admin: Connection) -> None:
    assert suppress(admin, "ann@example.com") is True
    assert suppress(admin, "Ann <ann@example.com>") is False
    assert value(admin, "select dreamlit.unsuppress('ann@example.com')") is True
    assert value(admin, "select dreamlit.unsuppress('ann@example.com')") is False


@pytest.mark.parametrize(
    "address", ["ann", "", "ann@", "@example.com", "a b@example.com", "a@x.org, b@x.org", None]
)
def test_what_is_no_address_is_refused(admin: Connection, superuser: Connection, address: str | None) -> None:
    with pytest.raises(psycopg.Error, match="is no address") as caught:
        suppress(admin, address)  # type: ignore[arg-type]
    assert caught.value.sqlstate == "DL001"
    assert value(superuser, "select count(*) from dreamlit._suppressions") == 0


def test_slack_does_not_ask(run: Run, admin: Connection, me: Sender) -> None:
    run(slack())
    suppress(admin, "user1@example.com")
    assert len(me.claim(channel="slack")) == 1

"""Messages of topics are asked once more when they are claimed: an unsubscribe beats a queued message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.helpers import Connection, add_users, column, email, rows, value, work

from .conftest import Run, Sender, newsletter

Post = Callable[..., None]


def _stopped(superuser: Connection) -> list[tuple[str, str | None]]:
    found = rows(
        superuser, "select state, error ->> 'message' as why from dreamlit.messages order by recipient"
    )
    return [(row["state"], row["why"]) for row in found]


def test_a_message_says_its_topic(post: Post, reader: Connection, me: Sender) -> None:
    post()
    assert column(reader, "select topic from dreamlit.messages") == ["news"]
    (claimed,) = me.claim()
    assert claimed["content"]["topic"] == "news"
    assert "https://unsubscribe.dreamlit.invalid/" in claimed["content"]["html"]


def test_a_transactional_message_says_nothing_of_topics_or_tracking(run: Run, me: Sender) -> None:
    run(email())
    (claimed,) = me.claim()
    assert {"topic", "track"} & set(claimed["content"]) == set()


@pytest.mark.parametrize(
    ("setting", "step", "said"),
    [
        ('{"opens": false, "clicks": false}', {"opens": True}, {"opens": True, "clicks": False}),
        ('{"opens": true, "clicks": true}', {"clicks": False}, {"opens": True, "clicks": False}),
        ('{"opens": true, "clicks": true}', None, {"opens": True, "clicks": True}),
        ('{"opens": true, "clicks": true}', {"opens": False, "clicks": False}, None),
    ],
)
def test_what_is_measured_is_the_steps_word_and_then_the_settings(
    run: Run, admin: Connection, me: Sender, setting: str, step: dict[str, bool] | None, said: object
) -> None:
    admin.execute("select dreamlit.set_setting('track', %s::jsonb)", [setting])
    told = email()
    told["email"] |= {"track": step} if step else {}
    run(told)
    assert me.claim()[0]["content"].get("track") == said


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        ("'news', false", "the recipient has turned off the topic news"),
        ("'news', false, 'email'", "the recipient has turned off the topic news"),
        ("null, false", "the recipient has turned off everything"),
        ("'*', false, 'email'", "the recipient has turned off everything"),
    ],
)
def test_what_a_person_turned_off_is_suppressed_with_the_reason(
    post: Post, admin: Connection, me: Sender, superuser: Connection, choice: str, why: str
) -> None:
    post(users=2)
    admin.execute(f"select dreamlit.set_preference('User1 <USER1@example.com>', {choice})".encode())
    assert [row["content"]["to"] for row in me.claim()] == [["user2@example.com"]]
    assert _stopped(superuser) == [("suppressed", why), ("queued", None)]


@pytest.mark.parametrize(
    "choices",
    [
        ["'other', false"],
        ["'news', false, 'slack'"],
        ["'news', false", "'news', true"],
        ["'news', false", "'news', true, 'email'"],
        ["null, false", "null, true"],
    ],
)
def test_other_choices_let_it_through(post: Post, admin: Connection, me: Sender, choices: list[str]) -> None:
    admin.execute("select dreamlit.set_topic('other', 'Other things')")
    post()
    for choice in choices:
        admin.execute(f"select dreamlit.set_preference('user1@example.com', {choice})".encode())
    assert len(me.claim()) == 1


def test_a_topic_turned_on_does_not_override_everything_turned_off(
    post: Post, admin: Connection, me: Sender
) -> None:
    post()
    admin.execute("select dreamlit.set_preference('user1@example.com', null, false)")
    admin.execute("select dreamlit.set_preference('user1@example.com', 'news', true)")
    assert me.claim() == []


def test_a_transactional_message_goes_to_somebody_who_turned_everything_off(
    run: Run, admin: Connection, me: Sender
) -> None:
    run(email())
    admin.execute("select dreamlit.set_preference('user1@example.com', null, false)")
    assert len(me.claim()) == 1


def test_one_click_stops_what_is_queued(
    post: Post, app: Connection, superuser: Connection, sender: Connection, me: Sender
) -> None:
    post()
    first = me.claim()[0]
    me.deliver(first)
    add_users(app, 1)
    work(superuser, 2)
    value(sender, "select dreamlit.unsubscribe(%s, 'user1@example.com', 'one-click')", first["message_id"])
    assert me.claim() == []
    assert column(superuser, "select state from dreamlit.messages order by message_id") == [
        "sent",
        "suppressed",
    ]


def test_the_run_of_a_suppressed_message_is_done(
    post: Post, admin: Connection, me: Sender, superuser: Connection
) -> None:
    post()
    admin.execute("select dreamlit.set_preference('user1@example.com', 'news', false)")
    me.claim()
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_a_suppressed_address_is_told_with_its_reason(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    admin.execute("select dreamlit.suppress('user1@example.com', 'asked by letter')")
    me.claim()
    assert _stopped(superuser) == [("suppressed", "the address is suppressed: asked by letter")]


def test_what_is_suppressed_is_counted(post: Post, admin: Connection, me: Sender, reader: Connection) -> None:
    post(users=3)
    admin.execute("select dreamlit.set_preference('user1@example.com', 'news', false)")
    me.deliver(me.claim()[0])
    (found,) = rows(
        reader, "select workflow, step, version, channel, sent, suppressed from dreamlit.message_stats"
    )
    assert found == {
        "workflow": "hello",
        "step": "tell",
        "version": 1,
        "channel": "email",
        "sent": 1,
        "suppressed": 1,
    }


def test_the_reason_of_a_newsletter_below_a_fan_out_is_each_persons_own(
    post: Post, admin: Connection, me: Sender, superuser: Connection
) -> None:
    fan = {"id": "each", "query": "select 'p' || n || '@x.org' as email from generate_series(1, 3) as n"}
    post(fan, newsletter(to="{{ each.email }}"))
    admin.execute("select dreamlit.set_preference('p2@x.org', 'news', false)")
    assert sorted(row["content"]["to"][0] for row in me.claim()) == ["p1@x.org", "p3@x.org"]

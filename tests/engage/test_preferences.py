"""What people choose, and that it beats what waits."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, column, email, rows, value

from .conftest import Run, Sender


@pytest.fixture
def message_id(run: Run, superuser: Connection, topic: str) -> int:
    """A message of the topic to user1@example.com; returns its id."""
    run(email())
    superuser.execute("""update dreamlit._messages set content = content || '{"topic": "news"}'""")
    return int(value(superuser, "select message_id from dreamlit.messages"))


def _unsubscribe(sender: Connection, message_id: int, recipient: str = "user1@example.com") -> str:
    return str(value(sender, "select dreamlit.unsubscribe(%s, %s, 'one-click')", message_id, recipient))


def _chosen(reader: Connection, address: str = "user1@example.com") -> dict[str | None, bool]:
    found = rows(reader, "select topic, subscribed from dreamlit.preferences(%s)", address)
    return {row["topic"]: row["subscribed"] for row in found}


# Topics


def test_a_topic_is_made_and_changed(admin: Connection, reader: Connection) -> None:
    assert value(admin, "select dreamlit.set_topic('news', 'News', 'Once a month')") is True
    assert value(admin, "select dreamlit.set_topic('news', 'Our news')") is False
    (found,) = rows(reader, "select topic, title, description, workflows, unsubscribed from dreamlit.topics")
    assert found == {
        "topic": "news",
        "title": "Our news",
        "description": None,
        "workflows": [],
        "unsubscribed": 0,
    }


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("News", "x"),
        ("", "x"),
        (None, "x"),
        ("*", "x"),
        ("n" * 41, "x"),
        ("news", " "),
        ("news", None),
        ("news", "a\nb"),
    ],
)
def test_a_wrong_topic_is_refused(admin: Connection, name: str | None, title: str | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("select dreamlit.set_topic(%s, %s)", [name, title])
    assert caught.value.sqlstate == "DL001"
    assert caught.value.diag.message_hint


def test_a_topic_goes_and_what_people_chose_stays(admin: Connection, reader: Connection, topic: str) -> None:
    admin.execute("select dreamlit.set_preference('a@x.org', 'news', false)")
    assert value(admin, "select dreamlit.drop_topic('news')") == "news"
    assert column(reader, "select topic from dreamlit.topics") == []
    admin.execute("select dreamlit.set_topic('news', 'News')")
    assert _chosen(reader, "a@x.org") == {None: True, "news": False}


def test_a_topic_that_is_not_there_is_named_with_the_nearest(admin: Connection, topic: str) -> None:
    with pytest.raises(psycopg.Error, match="there is no topic nwes") as caught:
        admin.execute("select dreamlit.set_preference('a@x.org', 'nwes', false)")
    assert caught.value.sqlstate == "DL002"
    assert "did you mean news?" in str(caught.value.diag.message_hint)


# One click


def test_unsubscribing_turns_the_messages_topic_off(
    sender: Connection, message_id: int, reader: Connection
) -> None:
    assert _unsubscribe(sender, message_id) == "Our news"
    assert _chosen(reader) == {None: True, "news": False}


def test_unsubscribing_again_says_the_same_and_counts_once(
    sender: Connection, message_id: int, reader: Connection
) -> None:
    assert _unsubscribe(sender, message_id) == _unsubscribe(sender, message_id, "User1 <USER1@example.com>")
    (found,) = rows(reader, "select kind, recipient, topic, raw from dreamlit.engagement")
    assert found == {
        "kind": "unsubscribed",
        "recipient": "user1@example.com",
        "topic": "news",
        "raw": {"via": "one-click"},
    }
    assert column(reader, "select unsubscribed from dreamlit.topics") == [1]


def test_a_message_without_a_topic_unsubscribes_from_all(
    run: Run, sender: Connection, reader: Connection, topic: str
) -> None:
    run(email())
    assert _unsubscribe(sender, value(reader, "select message_id from dreamlit.messages")) == "all"
    assert _chosen(reader) == {None: False, "news": True}


@pytest.mark.parametrize("recipient", ["user2@example.com", "", "nobody", None])
def test_somebody_elses_message_unsubscribes_nobody(
    sender: Connection, message_id: int, superuser: Connection, recipient: str | None
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sender.execute("select dreamlit.unsubscribe(%s, %s, 'link')", [message_id, recipient])
    assert caught.value.sqlstate == "DL002"
    assert value(superuser, "select count(*) from dreamlit._preferences") == 0


def test_a_message_that_is_not_there_unsubscribes_nobody(sender: Connection, message_id: int) -> None:
    with pytest.raises(psycopg.Error) as caught:
        _unsubscribe(sender, message_id + 1)
    assert caught.value.sqlstate == "DL002"


def test_who_was_erased_can_still_unsubscribe(
    sender: Connection, me: Sender, message_id: int, admin: Connection, superuser: Connection
) -> None:
    me.deliver(me.claim()[0])
    admin.execute("select * from dreamlit.erase_person('user1@example.com')")
    assert _unsubscribe(sender, message_id) == "all"
    assert column(superuser, "select p.address from dreamlit._preferences as p") == [None]
    assert column(superuser, "select recipient from dreamlit.engagement") == [None]
    assert _chosen(admin)[None] is False


# The page


def test_the_page_shows_everything_first_and_then_the_topics(
    admin: Connection, sender: Connection, message_id: int
) -> None:
    admin.execute("select dreamlit.set_topic('digest', 'A digest', 'Weekly')")
    admin.execute("select dreamlit.set_preference('user1@example.com', 'digest', false)")
    found = rows(sender, "select * from dreamlit.message_preferences(%s, 'user1@example.com')", message_id)
    assert [tuple(row.values()) for row in found] == [
        (None, None, None, True),
        ("digest", "A digest", "Weekly", False),
        ("news", "Our news", None, True),
    ]


def test_the_page_stores_what_is_chosen_and_leaves_the_rest(
    admin: Connection, sender: Connection, message_id: int, reader: Connection
) -> None:
    admin.execute("select dreamlit.set_topic('digest', 'A digest')")
    admin.execute("select dreamlit.set_preference('user1@example.com', 'digest', false)")
    save = "select dreamlit.set_message_preferences(%s, 'user1@example.com', %s)"
    assert value(sender, save, message_id, Jsonb({"news": False, "*": True})) == 1
    assert _chosen(reader) == {None: True, "digest": False, "news": False}
    assert column(reader, "select kind from dreamlit.engagement") == ["unsubscribed"]


def test_coming_back_is_no_unsubscribing(
    admin: Connection, sender: Connection, message_id: int, reader: Connection
) -> None:
    admin.execute("select dreamlit.set_preference('user1@example.com', '*', false)")
    save = "select dreamlit.set_message_preferences(%s, 'user1@example.com', %s)"
    assert value(sender, save, message_id, Jsonb({"*": True})) == 1
    assert _chosen(reader)[None] is True
    assert column(reader, "select kind from dreamlit.engagement") == []


@pytest.mark.parametrize(
    ("choices", "state"),
    [
        ({"news": "no"}, "DL001"),
        ({"news": None}, "DL001"),
        ([], "DL001"),
        (None, "DL001"),
        ({"nwes": True}, "DL002"),
        ({"news": False, "x": True}, "DL002"),
    ],
)
def test_wrong_choices_are_refused_as_a_whole(
    sender: Connection, message_id: int, superuser: Connection, choices: object, state: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sender.execute(
            "select dreamlit.set_message_preferences(%s, 'user1@example.com', %s)",
            [message_id, Jsonb(choices)],
        )
    assert caught.value.sqlstate == state
    assert value(superuser, "select count(*) from dreamlit._preferences") == 0


@pytest.mark.parametrize(
    "door", ["message_preferences(%s, 'b@x.org')", "set_message_preferences(%s, 'b@x.org', '{}')"]
)
def test_somebody_elses_page_is_not_shown(sender: Connection, message_id: int, door: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sender.execute(f"select * from dreamlit.{door}".encode(), [message_id])
    assert caught.value.sqlstate == "DL002"


# By hand


def test_a_choice_for_every_channel_overrides_one_channels(admin: Connection, topic: str) -> None:
    admin.execute("select dreamlit.set_preference('a@x.org', 'news', false, 'email')")
    assert value(admin, "select dreamlit.set_preference('a@x.org', 'news', true)") is True
    assert _chosen(admin, "a@x.org") == {None: True, "news": True}


def test_it_says_whether_anything_changed(admin: Connection, topic: str) -> None:
    choose = "select dreamlit.set_preference('a@x.org', 'news', %s)"
    assert [value(admin, choose, how) for how in (True, False, False, True)] == [False, True, False, True]


def test_a_choice_is_audited_without_the_address(
    admin: Connection, superuser: Connection, topic: str
) -> None:
    admin.execute("select dreamlit.set_preference('Ann <a@x.org>', 'news', false, 'email')")
    (line,) = rows(superuser, "select actor, detail from dreamlit._audit_log where action = 'set preference'")
    assert line["detail"] == {"topic": "news", "channel": "email", "subscribed": False}
    assert "x.org" not in str(line)


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        ("'nobody', 'news', true", "DL001"),
        ("'a@x.org', 'news', null", "DL001"),
        ("'a@x.org', 'news', true, 'pigeon'", "DL002"),
    ],
)
def test_what_cannot_be_chosen_is_refused(admin: Connection, topic: str, arguments: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        admin.execute(f"select dreamlit.set_preference({arguments})".encode())
    assert caught.value.sqlstate == state


def test_a_reader_reads_and_does_not_choose(reader: Connection, topic: str) -> None:
    assert _chosen(reader, "a@x.org") == {None: True, "news": True}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select dreamlit.set_preference('a@x.org', 'news', false)")

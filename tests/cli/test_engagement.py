"""Topics, preferences and numbers, as an operator types them."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection

from .conftest import Run


@pytest.fixture
def news(run: Run) -> None:
    assert run("topics", "--set", "news", "Our news", "--description", "Monthly").status == 0


def test_a_topic_is_made_shown_and_dropped(run: Run, news: None) -> None:
    (found,) = run("topics", "--json").json
    assert (found["topic"], found["title"], found["description"]) == ("news", "Our news", "Monthly")
    assert "Our news" in run("topics", role="reader").output
    assert run("topics", "--drop", "news").output == "dropped: news\n"
    assert "--set NAME TITLE" in run("topics").output


def test_a_wrong_topic_is_refused_with_the_hint(run: Run) -> None:
    answer = run("topics", "--set", "News!", "Our news")
    assert answer.status == 1
    assert "News! is no name of a topic" in answer.errors
    assert "hint: use lower-case letters" in answer.errors


def test_preferences_are_shown_and_set(run: Run, news: None) -> None:
    answer = run("preferences", "Ann <ann@example.com>", "--set", "news=off", "--set", "all=on")
    assert answer.status == 0
    assert [line.split()[0] for line in answer.output.splitlines()[1:]] == ["all", "news"]
    found = run("preferences", "ann@example.com", "--json", role="reader").json
    assert [(row["topic"], row["subscribed"]) for row in found] == [(None, True), ("news", False)]


def test_a_choice_for_one_channel_has_a_line_of_its_own(run: Run, news: None) -> None:
    run("preferences", "ann@example.com", "--set", "news=off", "--channel", "email")
    found = run("preferences", "ann@example.com", "--json").json
    assert [(row["topic"], row["channel"]) for row in found] == [(None, None), ("news", "email")]


@pytest.mark.parametrize("choice", ["news", "news=maybe", "=off"])
def test_a_choice_that_is_none_is_refused(run: Run, choice: str) -> None:
    answer = run("preferences", "ann@example.com", "--set", choice)
    assert answer.status == 2
    assert "write news=off" in answer.errors


def test_an_unknown_topic_is_refused_with_the_nearest(run: Run, news: None) -> None:
    answer = run("preferences", "ann@example.com", "--set", "nwes=off")
    assert answer.status == 1
    assert "did you mean news?" in answer.errors


def test_stats_count_messages(run: Run, one_run: int, sender: Connection) -> None:
    (claimed,) = sender.execute(
        "select message_id, attempt from dreamlit.claim('email', 'test', 1)"
    ).fetchall()
    for outcome in ("started", "sent"):
        result = [{"message_id": claimed[0], "attempt": claimed[1], "outcome": outcome}]
        sender.execute("select dreamlit.report('test', %s)", [Jsonb(result)])
    heard = [{"provider": "ses", "event_id": "1", "kind": "delivered", "message_id": claimed[0]}]
    sender.execute("select dreamlit.record_engagement(%s)", [Jsonb(heard)])
    (found,) = run("stats", "welcome", "--json", role="reader").json
    assert (found["step"], found["sent"], found["delivered"], found["opened"]) == ("greet", 1, 1, 0)
    assert "welcome" in run("stats").output
    assert run("stats", "other").output == "nothing to show\n"

"""What rendering knows of links and zones, without any database."""

from __future__ import annotations

import pytest

from dreamlit_pg.rendering import references, render_batch

EMAIL = {"to": "a@x.org", "subject": "News"}


def test_links_render_to_what_the_sender_replaces() -> None:
    email = {**EMAIL, "html": "<a href='{{ unsubscribe_url }}'>x</a>", "text": "{{ preferences_url }}"}
    (found,) = render_batch("email", email, {}, [{}])
    assert found["content"]["html"] == "<a href='https://unsubscribe.dreamlit.invalid/'>x</a>"
    assert found["content"]["text"] == "https://preferences.dreamlit.invalid/"


def test_links_are_told_as_what_a_template_reads() -> None:
    found = references({**EMAIL, "html": "{{ unsubscribe_url }}"}, {})
    assert [(entry["field"], entry["path"]) for entry in found] == [("html", ["unsubscribe_url"])]


@pytest.mark.parametrize(
    ("zone", "said"), [("Europe/Berlin", "Europe/Berlin"), ("", None), ("x" * 100, "x" * 60)]
)
def test_a_zone_is_rendered_for_each_item(zone: str, said: str | None) -> None:
    email = {**EMAIL, "text": "Hi", "timezone": "{{ trigger.tz }}"}
    (found,) = render_batch("email", email, {}, [{"trigger": {"tz": zone}}])
    assert found["content"]["timezone"] == said


def test_an_email_without_a_zone_has_none() -> None:
    (found,) = render_batch("email", {**EMAIL, "text": "Hi"}, {}, [{}])
    assert "timezone" not in found["content"]

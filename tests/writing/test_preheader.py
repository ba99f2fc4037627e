"""The line that inboxes show beside the subject."""

from __future__ import annotations

import pytest
from tests.helpers import Connection, create_users, publish, workflow
from tests.writing.conftest import rendered

from dreamlit_sender.message import plain_text

FILES = {"a.html": "<html><body class='x'><p>Body</p></body></html>", "b.html": "<p>Body</p>"}


def test_it_is_the_first_thing_in_the_body_and_hidden() -> None:
    html = rendered(FILES, "a.html", {"name": "Ann"}, preheader="For {{ name }}\n only")
    assert html.startswith("<html><body class='x'><div style=\"display:none;")
    assert ">For Ann only&#847;" in html


def test_a_fragment_begins_with_it() -> None:
    assert rendered(FILES, "b.html", preheader="Look").startswith("<div")


def test_it_cannot_break_out_of_its_element() -> None:
    assert "</div><script>" not in rendered(FILES, "a.html", {"n": "</div><script>"}, preheader="{{ n }}")


def test_an_empty_one_leaves_no_trace() -> None:
    assert rendered(FILES, "a.html", preheader="{{ '' }} ") == FILES["a.html"]


def test_it_is_not_in_the_text_part() -> None:
    assert plain_text(rendered(FILES, "a.html", preheader="Look")) == "Body\n"


def test_without_html_it_is_a_fault(admin: Connection) -> None:
    create_users(admin)
    step = {"id": "tell", "email": {"to": "a@example.com", "subject": "Hi", "text": "x", "preheader": "y"}}
    with pytest.raises(Exception, match="no HTML to hide it in"):
        publish(admin, workflow(step))


def test_it_reads_what_the_email_reads(admin: Connection) -> None:
    create_users(admin)
    step = {
        "id": "tell",
        "email": {"to": "a@example.com", "subject": "Hi", "html": "x", "preheader": "{{ trigger.nmae }}"},
    }
    with pytest.raises(Exception, match=r"trigger\.nmae"):
        publish(admin, workflow(step))

"""What is asked of mail that is not transactional, at publish: nothing that must not be sent is ever published."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, create_users, email, publish, value, workflow

from .conftest import BODY, newsletter, set_brand


@pytest.fixture(autouse=True)
def users(admin: Connection) -> None:
    create_users(admin)


def faults(admin: Connection, step: dict[str, Any], **more: Any) -> list[dict[str, str]]:
    """What publish has against a workflow of one step, as place, fact and hint."""
    try:
        publish(admin, {**workflow(step), **more})
    except psycopg.Error as exc:
        refused = exc
    else:
        return []
    assert refused.sqlstate == "DL001"
    found: list[dict[str, str]] = json.loads(str(refused.diag.message_detail))
    assert all(fault["hint"] for fault in found)
    return found


def facts(admin: Connection, step: dict[str, Any], **more: Any) -> list[str]:
    return [f"{fault['place']}: {fault['fact']}" for fault in faults(admin, step, **more)]


NO_WAY_OUT = "steps[0].email.html: the email belongs to a topic and its HTML shows no way to unsubscribe"
NO_ADDRESS = "steps[0].email: the email belongs to a topic and does not show your postal address"


def test_a_newsletter_with_all_that_it_needs_is_published(admin: Connection, lawful: None) -> None:
    assert facts(admin, newsletter()) == []


def test_a_transactional_email_needs_none_of_it(admin: Connection) -> None:
    assert facts(admin, email()) == []


# Gmail and Yahoo, rules for bulk senders


def test_gmail_and_yahoo_a_way_to_unsubscribe_must_be_seen_in_the_body(
    admin: Connection, lawful: None
) -> None:
    (fault,) = faults(admin, newsletter(html="News {{ brand.postal_address }}"))
    assert f"{fault['place']}: {fault['fact']}" == NO_WAY_OUT
    assert "{{ unsubscribe_url }}" in fault["hint"]


def test_gmail_and_yahoo_the_preferences_page_is_a_way_too(admin: Connection, lawful: None) -> None:
    assert facts(admin, newsletter(html="{{ preferences_url }} {{ brand.postal_address }}")) == []


def test_gmail_and_yahoo_one_click_needs_an_address_that_answers(
    admin: Connection, superuser: Connection, topic: str
) -> None:
    set_brand(superuser, {"postal_address": "1 Main St"})
    (fault,) = faults(admin, newsletter())
    assert fault["fact"] == "public_url is not set, so nobody could unsubscribe"
    assert "set_setting('public_url'" in fault["hint"]


def test_gmail_and_yahoo_a_text_of_ones_own_needs_the_way_too(admin: Connection, lawful: None) -> None:
    (fault,) = faults(admin, newsletter(text="News for {{ trigger.email }}"))
    assert fault["place"] == "steps[0].email.text"
    assert fault["fact"] == "the email belongs to a topic and its text shows no way to unsubscribe"
    assert "Unsubscribe: {{ unsubscribe_url }}" in fault["hint"]
    assert "makes one from the HTML" in fault["hint"]


def test_a_way_in_every_body_is_enough(admin: Connection, lawful: None) -> None:
    assert facts(admin, newsletter(text="News. {{ preferences_url }}")) == []


def test_a_way_in_the_text_alone_is_none_in_the_html(admin: Connection, lawful: None) -> None:
    step = newsletter(html="{{ brand.postal_address }}", text="{{ unsubscribe_url }}")
    assert facts(admin, step) == [NO_WAY_OUT]


def test_an_email_of_text_alone_needs_the_way_there(admin: Connection, lawful: None) -> None:
    step = newsletter(html=None, text="News {{ brand.postal_address }}")
    assert facts(admin, step) == [
        "steps[0].email.text: the email belongs to a topic and its text shows no way to unsubscribe"
    ]
    assert facts(admin, newsletter(html=None, text="{{ unsubscribe_url }} {{ brand.postal_address }}")) == []


@pytest.mark.parametrize("text", ["News", "News for {{ trigger.email }}"])
def test_the_text_that_stands_beside_the_template_needs_the_way_too(
    admin: Connection, lawful: None, text: str
) -> None:
    step = newsletter(html=None, template="mail.v2/news.html")
    beside = "mail.v2/news.txt"
    assert facts(admin, step, files={"mail.v2/news.html": BODY, beside: text}) == [
        f"steps[0].email.text: the email belongs to a topic and its text {beside} shows no way to unsubscribe"
    ]
    files = {"mail.v2/news.html": BODY, beside: "{{ unsubscribe_url }}", "other.txt": text}
    assert facts(admin, step, files=files) == []


def test_a_template_without_the_way_is_named(admin: Connection, lawful: None) -> None:
    files = {"news.html": "{{ brand.postal_address }}", "news.txt": "{{ unsubscribe_url }}"}
    assert facts(admin, newsletter(html=None, template="news.html"), files=files) == [
        "steps[0].email.template: the email belongs to a topic and its template news.html shows no way to unsubscribe"
    ]


def test_a_template_of_text_needs_the_way_and_is_told_how_to_write_it(
    admin: Connection, lawful: None
) -> None:
    files = {"news.txt": "{{ brand.postal_address }}"}
    (fault,) = faults(admin, newsletter(html=None, template="news.txt"), files=files)
    assert fault["place"] == "steps[0].email.template"
    assert fault["hint"].startswith("write Unsubscribe: {{ unsubscribe_url }} into it")
    assert "transactional" in fault["hint"]


def test_a_link_in_the_subject_is_not_seen_as_one(admin: Connection, lawful: None) -> None:
    step = newsletter(html="News {{ brand.postal_address }}", subject="{{ unsubscribe_url }}")
    assert facts(admin, step) == [NO_WAY_OUT]


def test_a_link_in_a_file_that_the_template_includes_is_seen(admin: Connection, lawful: None) -> None:
    step = newsletter(html=None, template="news.html")
    files = {"news.html": "News {% include 'footer.html' %}", "footer.html": BODY}
    assert facts(admin, step, files=files) == []


def test_a_link_in_a_comment_is_not_seen(admin: Connection, lawful: None) -> None:
    step = newsletter(html="{# {{ unsubscribe_url }} #} {{ brand.postal_address }}")
    assert facts(admin, step) == [NO_WAY_OUT]


# RFC 8058


@pytest.mark.parametrize("header", ["List-Unsubscribe", "list-unsubscribe-post", "List-ID"])
def test_rfc_8058_the_headers_are_the_senders_one_for_each_recipient(
    admin: Connection, lawful: None, header: str
) -> None:
    assert facts(admin, newsletter(headers={header: "<https://example.com>"})) == [
        f"steps[0].email.headers.{header}: an email of a topic sets {header} itself"
    ]


@pytest.mark.parametrize("key", ["cc", "bcc"])
def test_rfc_8058_a_way_out_is_for_one_recipient(admin: Connection, lawful: None, key: str) -> None:
    assert facts(admin, newsletter(**{key: "boss@example.com"})) == [
        f"steps[0].email.{key}: an email of a topic has {key}"
    ]


@pytest.mark.parametrize("header", ["List-Unsubscribe", "X-Campaign"])
def test_a_transactional_email_sets_the_headers_that_it_likes(
    admin: Connection, lawful: None, header: str
) -> None:
    step = email()
    step["email"]["headers"] = {header: "<https://example.com>"}
    assert facts(admin, step) == []


# CAN-SPAM


def test_can_spam_the_postal_address_must_be_shown(admin: Connection, lawful: None) -> None:
    (fault,) = faults(admin, newsletter(html="{{ unsubscribe_url }}"))
    assert f"{fault['place']}: {fault['fact']}" == NO_ADDRESS
    assert "{{ brand.postal_address }}" in fault["hint"]


@pytest.mark.parametrize("brand", [{}, {"name": "Ann"}])
def test_can_spam_the_brand_must_have_a_postal_address(
    admin: Connection, superuser: Connection, lawful: None, brand: dict[str, str]
) -> None:
    set_brand(superuser, brand)
    assert facts(admin, newsletter()) == ["steps[0].email: the brand has no postal address"]


def test_can_spam_a_transactional_email_needs_no_way_out(admin: Connection, superuser: Connection) -> None:
    assert facts(admin, email()) == []
    assert value(superuser, "select count(*) from dreamlit._topics") == 0


def test_can_spam_a_way_out_must_work_for_thirty_days(admin: Connection, lawful: None) -> None:
    publish(admin, workflow(newsletter()))
    state = "select state from dreamlit.doctor() where name = 'unsubscribing'"
    assert value(admin, state) == "ok"
    admin.execute("select dreamlit.set_setting('keep_messages', '\"29 days\"')")
    assert value(admin, state) == "warning"


# Topics


def test_all_that_is_missing_is_told_at_once(admin: Connection) -> None:
    assert facts(admin, newsletter(html="News")) == [
        "steps[0].email.topic: there is no topic news",
        NO_WAY_OUT,
        NO_ADDRESS,
        "steps[0].email.topic: public_url is not set, so nobody could unsubscribe",
    ]


def test_an_unknown_topic_is_named_with_the_nearest(admin: Connection, lawful: None) -> None:
    (fault,) = faults(admin, newsletter(topic="nwes"))
    assert fault["fact"] == "there is no topic nwes"
    assert "did you mean news?" in fault["hint"]
    assert "dreamlit.set_topic('nwes'" in fault["hint"]


def test_without_any_topic_the_hint_says_how_to_make_one(admin: Connection) -> None:
    fault = faults(admin, newsletter())[0]
    assert fault["hint"] == "make it: select dreamlit.set_topic('news', 'What people read')"


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("topic", ""),
        ("topic", ["news"]),
        ("topic", True),
        ("timezone", 5),
        ("track", True),
        ("track", {"opens": "yes"}),
        ("track", {"clicks": None}),
        ("track", {"clikcs": True}),
    ],
)
def test_a_key_of_the_wrong_kind_is_told(admin: Connection, lawful: None, key: str, wrong: object) -> None:
    step = newsletter()
    step["email"][key] = wrong
    assert any(fact.startswith(f"steps[0].email.{key}") for fact in facts(admin, step))


def test_a_topic_in_use_is_not_dropped(admin: Connection, lawful: None) -> None:
    publish(admin, workflow(newsletter()))
    with pytest.raises(psycopg.Error, match="topic news is used by hello") as caught:
        admin.execute("select dreamlit.drop_topic('news')")
    assert caught.value.sqlstate == "DL003"
    assert value(admin, "select workflows from dreamlit.topics") == ["hello"]


# The doctor


def test_the_doctor_asks_for_nothing_where_no_topic_is_used(admin: Connection, topic: str) -> None:
    checks = "select count(*) from dreamlit.doctor() where name in ('public url', 'postal address', 'unsubscribing')"
    assert value(admin, checks) == 0


def test_the_doctor_sees_what_was_taken_away_since(
    admin: Connection, superuser: Connection, lawful: None
) -> None:
    publish(admin, workflow(newsletter()))
    found = "select array_agg(name order by name) from dreamlit.doctor() where name in ('public url', 'postal address') and state = %s"
    assert value(admin, found, "ok") == ["postal address", "public url"]
    admin.execute("select dreamlit.set_setting('public_url', 'null')")
    set_brand(superuser, {})
    assert value(admin, found, "critical") == ["postal address", "public url"]

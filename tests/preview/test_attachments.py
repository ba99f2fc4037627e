"""Attachments and invitations: from a column through the engine to a real mail."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from typing import Any

import pytest
from tests.helpers import Connection, add_user, create_users, email, publish, value, work, workflow

from dreamlit_pg.rendering import render_batch
from dreamlit_sender.message import build_mail


def step(**more: Any) -> dict[str, Any]:
    made = email()
    made["email"] = {"to": "{{ trigger.email }}", "subject": "s", "html": '<img src="cid:logo">', **more}
    return made


def rendered(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    templates = {"to": "a@example.com", "subject": "s", "text": "t", **more}
    [result] = render_batch("email", templates, {}, [item])
    return result


def test_a_bytea_column_becomes_an_attachment(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    query = {
        "id": "file",
        "query": "select convert_to('Grüße', 'UTF8') as pdf, encode('\\x00ff', 'base64') as raw, null::bytea as none",
    }
    attachments = [
        {"name": "r{{ trigger.visits }}.pdf", "content": "{{ file.pdf }}", "type": "application/pdf"},
        {"name": "raw.bin", "content": "{{ file.raw }}"},
        {"name": "none.bin", "content": "{{ file.none }}"},
    ]
    publish(admin, workflow(query, step(attachments=attachments)))
    add_user(app, visits=7)
    work(superuser, 3)
    content = value(superuser, "select content from dreamlit._messages")
    mail = message_from_bytes(
        build_mail(1, content, default_from="q@example.com").data, policy=policy.default
    )
    found = {one.get_filename(): one for one in mail.iter_attachments()}
    assert list(found) == ["r7.pdf", "raw.bin"]
    assert found["r7.pdf"].get_content_type() == "application/pdf"
    assert found["r7.pdf"].get_content() == "Grüße".encode()
    assert found["raw.bin"].get_content() == b"\x00\xff"


def test_a_large_column_is_not_held_to_the_limits_of_texts() -> None:
    large = "\\x" + "ab" * (3 << 20)
    content = rendered({"f": {"x": large}}, attachments=[{"name": "a", "content": "{{ f.x }}"}])["content"]
    assert base64.b64decode(content["attachments"][0]["content"]) == b"\xab" * (3 << 20)


@pytest.mark.parametrize(
    ("attachment", "field", "message"),
    [
        ({"name": "a", "content": "{{ x }}"}, "attachments[0].content", "the content of an attachment is neither bytea nor base64"),
        ({"name": "a", "content": "\\xzz"}, "attachments[0].content", "the content of an attachment begins as bytea and is none"),
        ({"name": "a", "content": "{{ n }}"}, "attachments[0].content", "the content of an attachment is bytea or base64"),
        ({"name": "a\r\nb", "content": "AA=="}, "attachments[0].name", "the name contains a carriage return"),
        ({"name": "{{ e }}", "content": "AA=="}, "attachments[0].name", "the name of an attachment has from 1 to 200 characters"),
        ({"name": "a", "content": "AA==", "type": "a/b; x=y"}, "attachments[0].type", "'a/b; x=y' is no media type such as application/pdf"),
        ({"name": "a", "url": "file:///etc/passwd"}, "attachments[0].url", "the url of an attachment begins with https://"),
        ({"name": "a", "content": "AA==", "inline": "a>b"}, "attachments[0].inline", "'a>b' is no name for an inline image: use letters and digits"),
        ({"name": "a", "content": "{{ big }}"}, "attachments", "the attachments have more than 25 MB together: give a link"),
    ],
)  # fmt: skip
def test_what_is_no_attachment_is_an_error_of_the_task(attachment: Any, field: str, message: str) -> None:
    item = {"x": "not base64!", "n": 7, "e": " ", "big": "A" * (36 << 20)}
    error = rendered(item, attachments=[attachment])["error"]
    assert (error["field"], error["message"]) == (field, message)


def test_a_name_is_never_a_path() -> None:
    content = rendered({"n": "../../etc/pass\\wd.txt"}, attachments=[{"name": "{{ n }}", "content": "AA=="}])[
        "content"
    ]
    assert content["attachments"][0]["name"] == "wd.txt"


def test_an_email_without_attachments_has_no_such_key() -> None:
    assert not {"attachments", "calendar"} & rendered({})["content"].keys()


@pytest.mark.parametrize(
    ("more", "fact"),
    [
        ({"attachments": {}}, "attachments is no list"),
        ({"attachments": [{"name": "a"}]}, "not exactly one of content and url"),
        ({"attachments": [{"name": "a", "content": "x", "url": "y"}]}, "not exactly one of content and url"),
        ({"attachments": [{"content": "x"}]}, "name is missing"),
        ({"attachments": [{"name": "a", "contents": "x"}]}, "contents"),
        ({"attachments": [{"name": "a", "url": "http://x.example/a"}]}, "the url is without https"),
        ({"calendar": {"start": "x"}}, "summary is missing"),
        ({"calendar": {"start": "x", "summary": "y", "method": "ADD"}}, "is no method"),
        ({"calendar": {"start": "x", "summary": "y", "method": "CANCEL"}}, "does not say of what"),
    ],
)
def test_what_is_wrong_without_data_is_a_fault_of_publishing(admin: Connection, more: Any, fact: str) -> None:
    create_users(admin)
    with pytest.raises(Exception, match=fact):
        publish(admin, workflow(step(**more)))

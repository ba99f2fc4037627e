"""preview and send-test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.conftest import DsnOf
from tests.helpers import Connection, value

from dreamlit_cli.demo.inbox import Inbox
from dreamlit_cli.preview_page import render_page
from dreamlit_pg.previews import Preview, doubts

HTML = "<html><head><style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style></head><body><p>Hi {{ trigger.name }}</p></body></html>"


@pytest.fixture
def ann(run: Run, welcome: Path, admin: Connection) -> Path:
    admin.execute(
        "insert into public.users values (1, 'ann@example.com', 'Ann'), (2, 'bob@example.com', 'Bob <b>')"
    )
    return welcome


def test_a_preview_of_a_file_publishes_nothing(
    run: Run, ann: Path, tmp_path: Path, superuser: Connection
) -> None:
    answer = run("preview", str(ann), "--no-open", "--out", str(tmp_path / "out"))
    assert answer.status == 0, answer.errors
    assert "greet: bob@example.com Hi Bob <b>" in answer.output
    page = (tmp_path / "out" / "welcome.html").read_text("utf-8")
    assert "Hi Bob &lt;b&gt;" in page
    assert "<b>" not in page
    assert value(superuser, "select count(*) from dreamlit._versions") == 0


def test_a_preview_of_a_published_workflow_by_row(run: Run, ann: Path) -> None:
    run("publish", str(ann))
    answer = run("preview", "welcome", "--row", "1", "--json")
    [message] = answer.json["messages"]
    assert message["content"]["to"] == ["ann@example.com"]
    assert message["warnings"] == []


def test_an_unknown_row_is_one_line(run: Run, ann: Path) -> None:
    answer = run("preview", str(ann), "--row", "77", "--json")
    assert answer.status == 1
    assert "public.users has no row 77" in answer.errors


def test_a_payload_in_the_place_of_a_row(run: Run, ann: Path) -> None:
    answer = run("preview", str(ann), "--payload", '{"email": "z@example.com", "name": "Zoë"}', "--json")
    assert answer.json["messages"][0]["content"]["subject"] == "Hi Zoë"


# The page


def shown(content: dict[str, Any], channel: str = "email") -> str:
    full = {"to": ["a@example.com"], "subject": "s", "html": None, "text": None, **content}
    return render_page(
        "w", "row 1", [Preview(step="one", channel=channel, content=full, warnings=tuple(doubts(full)))]
    )


def test_an_email_is_shown_in_both_widths_and_schemes_and_as_text() -> None:
    page = shown({"html": HTML, "text": "plain words"})
    titles = re.findall(r'<iframe [^>]*title="([^"]+)"', page)
    assert titles == ["desktop, light", "phone, light", "desktop, dark", "phone, dark"]
    assert page.count("(min-width: 0px)") == 2
    assert page.count("(max-width: 0px)") == 2
    assert "<pre>plain words</pre>" in page


def test_inline_pictures_are_shown_and_files_are_named() -> None:
    files = [
        {"name": "logo.png", "content": "iVBO", "inline": "logo"},
        {"name": "a<b>.pdf", "content": "AA=="},
    ]
    page = shown({"html": '<img src="cid:logo" alt="">', "text": "t", "attachments": files})
    assert page.count("data:image/png;base64,iVBO") == 4
    assert "<dt>files</dt><dd>logo.png, a&lt;b&gt;.pdf</dd>" in page


def test_no_script_of_a_message_can_run() -> None:
    page = shown(
        {
            "html": '<script>alert(1)</script>"><script>alert(2)</script>',
            "subject": "<script>alert(3)</script>",
        }
    )
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page


def test_slack_blocks_are_shown_with_their_marks() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Hello &lt;b&gt;"}},
        {
            "type": "section",
            "text": {
                "type": "mrkdwn",
                "text": "*bold* <https://x.example|link> &lt;i&gt; <javascript:alert(1)|bad>",
            },
        },
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}}]},
    ]
    page = shown({"channel": "#a", "blocks": blocks}, "slack")
    assert "Hello &lt;b&gt;" in page
    assert "<strong>bold</strong>" in page
    assert '<a href="https://x.example" rel="noreferrer" target="_blank">link</a> &lt;i&gt;' in page
    assert "javascript:" not in page
    assert '<span class="button">Open</span>' in page


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ({"html": "x" * 105_000, "text": "t"}, "the HTML has 103 KB: Gmail clips it after 102 KB"),
        ({"html": '<img src="a.png">', "text": "t"}, "1 image without an alt text: a.png"),
        ({"html": '<a href="http://x.example">x</a>', "text": "t"}, "1 link without https: http://x.example"),
        ({"html": '<a href="">x</a><a href="https://x.example"> </a>', "text": "t"}, "2 links that lead nowhere or show nothing: x, https://x.example"),
        ({"html": "<p>x</p>"}, "there is no text part: the sender makes one from the HTML"),
        ({"text": "t", "topic": "news"}, "the email belongs to a topic and its text shows no way to unsubscribe"),
        ({"html": "<p>x</p>", "text": "https://unsubscribe.dreamlit.invalid/", "topic": "news"}, "the email belongs to a topic and its HTML shows no way to unsubscribe"),
        ({"text": "t", "subject": ""}, "the subject is empty"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_said(content: dict[str, Any], warning: str) -> None:
    assert list(doubts({"subject": "s", **content})) == [warning]


def test_a_sound_email_has_no_warnings() -> None:
    html = '<img src="https://x.example/a.png" alt=""><a href="https://x.example"><img src="b" alt="B"></a><a href="https://unsubscribe.dreamlit.invalid/">Out</a>'
    assert (
        list(
            doubts(
                {
                    "subject": "s",
                    "html": html,
                    "text": "https://unsubscribe.dreamlit.invalid/",
                    "topic": "news",
                }
            )
        )
        == []
    )


# send-test


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn_of: DsnOf) -> Iterator[Inbox]:
    """A server that really receives, and the sender's configuration for it."""
    with Inbox(tmp_path / "inbox") as inbox:
        monkeypatch.setenv("DREAMLIT_SMTP_URL", inbox.smtp_url)
        monkeypatch.setenv("DREAMLIT_FROM", "Quill <hello@quill.example>")
        monkeypatch.chdir(tmp_path)
        yield inbox


def test_send_test_goes_to_one_address_and_nobody_else(
    run: Run, ann: Path, inbox: Inbox, superuser: Connection
) -> None:
    copies = 'cc: "{{ trigger.email }}", bcc: hidden@example.com, subject:'
    ann.write_text(ann.read_text("utf-8").replace("subject:", copies), "utf-8")
    answer = run("send-test", str(ann), "--to", "me@example.org", "--row", "1")
    assert answer.status == 0, answer.errors
    assert "greet: sent to me@example.org by smtp" in answer.output
    [mail] = (
        message_from_bytes(path.read_bytes(), policy=policy.default) for path in inbox.folder.glob("*.eml")
    )
    assert (mail["To"], mail["Cc"], mail["Subject"]) == ("me@example.org", None, "[test] Hi Ann")
    assert "ann@example.com" not in mail.as_string()
    assert "hidden@example.com" not in mail.as_string()
    assert value(superuser, "select count(*) from dreamlit._messages") == 0
    assert value(superuser, "select count(*) from dreamlit._versions") == 0


def test_send_test_takes_one_address(run: Run, ann: Path, inbox: Inbox) -> None:
    answer = run("send-test", str(ann), "--to", "a@example.org, b@example.org")
    assert answer.status == 1
    assert "is not one address" in answer.errors
    assert list(inbox.folder.glob("*.eml")) == []


def test_send_test_without_a_transport_says_what_to_set(
    run: Run, ann: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("send-test", str(ann), "--to", "me@example.org")
    assert answer.status == 1
    assert "DREAMLIT_SMTP_URL" in answer.errors


def test_send_test_sends_nothing_where_a_step_fails(run: Run, ann: Path, inbox: Inbox) -> None:
    ann.write_text(ann.read_text("utf-8").replace("Hello [{{ trigger.name }}]", "{{ 1 / 0 }}"), "utf-8")
    answer = run("send-test", str(ann), "--to", "me@example.org")
    assert answer.status == 1
    assert "the step greet failed" in answer.errors
    assert list(inbox.folder.glob("*.eml")) == []

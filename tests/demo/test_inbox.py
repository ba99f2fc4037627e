from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from dreamlit_cli.demo.inbox import Inbox, read_messages


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox") as inbox:
        yield inbox


def send(inbox: Inbox, message: EmailMessage) -> None:
    address = urlsplit(inbox.smtp_url)
    with smtplib.SMTP(address.hostname or "", address.port or 0, timeout=10) as connection:
        connection.send_message(message)


def letter(subject: str, *, html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Quill <hello@quill.example>"
    message["To"] = "ada@example.com"
    message["Subject"] = subject
    message.set_content("Grüße")
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_an_email_becomes_files(inbox: Inbox) -> None:
    send(inbox, letter("Schöne <Grüße>", html="<p>Grüße</p>"))
    [message] = inbox.messages
    assert (message.channel, message.to, message.subject) == ("email", "ada@example.com", "Schöne <Grüße>")
    assert message.files == ("0001-email-ada@example.com.eml", "0001-email-ada@example.com.html")
    assert (inbox.folder / message.files[1]).read_text("utf-8").strip() == "<p>Grüße</p>"
    page = httpx.get(inbox.url).text
    assert "Schöne &lt;Grüße&gt;" in page
    assert message.files[1] in page


def test_slack_s_webhook(inbox: Inbox) -> None:
    answer = httpx.post(inbox.slack_webhook_url, json={"text": "hello"})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert inbox.messages[0].content == {"text": "hello"}
    answer = httpx.post(inbox.slack_webhook_url, content=b"no json")
    assert (answer.status_code, answer.text) == (400, "invalid_payload")


@pytest.mark.parametrize(
    ("content", "token", "error"),
    [
        ({"channel": "#a", "text": "x"}, "", "not_authed"),
        ({"text": "x"}, "Bearer x", "channel_not_found"),
        ({"channel": "#a"}, "Bearer x", "no_text"),
    ],
)
def test_slack_s_api_refuses_as_slack_does(
    inbox: Inbox, content: dict[str, str], token: str, error: str
) -> None:
    url = f"{inbox.slack_api_url}/chat.postMessage"
    answer = httpx.post(url, json=content, headers={"Authorization": token})
    assert answer.json() == {"ok": False, "error": error}
    assert not inbox.messages


def test_slack_s_api_accepts(inbox: Inbox) -> None:
    url = f"{inbox.slack_api_url}/chat.postMessage"
    blocks = [{"type": "header", "text": {"type": "plain_text", "text": "Seen"}}]
    answer = httpx.post(url, json={"channel": "#a", "blocks": blocks}, headers={"Authorization": "Bearer x"})
    assert answer.json()["ok"]
    assert (inbox.messages[0].to, inbox.messages[0].subject) == ("#a", "Seen")


@pytest.mark.parametrize("path", ["../inbox", "%2e%2e%2fsecret", "/etc/passwd", ".hidden"])
def test_serves_nothing_but_its_own_files(inbox: Inbox, path: str) -> None:
    (inbox.folder.parent / "secret").write_text("secret", "utf-8")
    (inbox.folder / ".hidden").write_text("secret", "utf-8")
    assert httpx.get(inbox.url + path).status_code == 404


def test_a_new_inbox_goes_on_where_the_last_one_stopped(inbox: Inbox) -> None:
    send(inbox, letter("one"))
    with Inbox(inbox.folder) as second:
        send(second, letter("two"))
    assert [message.subject for message in read_messages(inbox.folder)] == ["one", "two"]
    assert (inbox.folder / "0002-email-ada@example.com.eml").exists()


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open(inbox: Inbox, tmp_path: Path) -> None:
    taken = urlsplit(inbox.smtp_url).port or 0
    with pytest.raises(OSError, match="in use"):
        Inbox(tmp_path / "other", smtp_port=taken).start()

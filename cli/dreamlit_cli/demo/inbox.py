"""A local inbox: an SMTP server and Slack's two endpoints on loopback; every message becomes files to open.

    with Inbox(folder) as inbox:
        inbox.smtp_url, inbox.slack_webhook_url, inbox.slack_api_url, inbox.url
        inbox.messages      # what has arrived, in order

An e-mail is written as it came (`.eml`), with its HTML beside it (`.html`); a Slack message as its JSON
(`.json`). `index.html` shows them all, `messages.jsonl` lists them; `url` serves the same page. An inbox goes
on where the last one in its folder stopped.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import socket
import threading
from asyncio import AbstractServer
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtpd.controller import Controller

from dreamlit_cli.demo.page import render_page

if TYPE_CHECKING:
    from email.message import EmailMessage

MOST_BYTES = 32 * 1024 * 1024
POLICY = "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; frame-src 'self'"
"""Messages are somebody else's HTML: they may show pictures and styles, and run nothing."""

TYPES = {".html": "text/html", ".json": "application/json", ".eml": "text/plain", ".txt": "text/plain"}


@dataclass(frozen=True)
class Message:
    """One message that arrived."""

    number: int
    channel: str
    to: str
    subject: str
    text: str
    files: tuple[str, ...]
    at: datetime
    content: Any = field(default=None, repr=False, compare=False)
    """The email.message.EmailMessage, or Slack's JSON; None for one that an earlier inbox received."""


class Inbox:
    """The servers and what they received. Ports of 0 are chosen by the system."""

    def __init__(
        self,
        folder: Path | str,
        *,
        host: str = "127.0.0.1",
        smtp_port: int = 0,
        http_port: int = 0,
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.host = host
        self.messages: list[Message] = []
        self._on_message = on_message
        self._lock = threading.Lock()
        self._smtp_port = smtp_port
        self._http_port = http_port
        self._smtp: Controller | None = None
        self._http: _Http | None = None

    @property
    def smtp_url(self) -> str:
        """For DREAMLIT_SMTP_URL."""
        return f"smtp://{self.host}:{self._smtp_port}?starttls=never"

    @property
    def url(self) -> str:
        """The page with all messages."""
        return f"http://{self.host}:{self._http_port}/"

    @property
    def slack_webhook_url(self) -> str:
        """For DREAMLIT_SLACK_WEBHOOK_URL."""
        return f"{self.url}services/T0/B0/inbox"

    @property
    def slack_api_url(self) -> str:
        """For DREAMLIT_SLACK_API_URL, with any token."""
        return f"{self.url}api"

    def start(self) -> Self:
        """Listen. Raises OSError where a port is taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.messages = list(read_messages(self.folder))
        self._write_index()
        self._http = _Http(self, (self.host, self._http_port))
        self._http_port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, name="inbox-http", daemon=True).start()
        try:
            self._smtp = _Smtp(self, self.host, self._smtp_port)
            self._smtp_port = self._smtp.port
            self._smtp.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close both servers; the files stay."""
        if self._smtp is not None and self._smtp.server is not None:
            self._smtp.stop()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        self._smtp = self._http = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def receive_email(self, recipients: list[str], source: bytes) -> None:
        """Keep an e-mail as it came over SMTP."""
        message = email.message_from_bytes(source, policy=email.policy.default)
        html, text = _body(message, "html"), _body(message, "plain")
        subject = str(message.get("Subject", ""))
        files = {".eml": source}
        if html:
            files[".html"] = html.encode("utf-8")
        self._keep("email", ", ".join(recipients), subject, text or "", files=files, content=message)

    def receive_slack(self, content: dict[str, Any]) -> str:
        """Keep a Slack message; returns its `ts`."""
        source = json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8")
        text = str(content.get("text") or "") or _text_of_blocks(content.get("blocks"))
        to = str(content.get("channel") or "webhook")
        number = self._keep("slack", to, text, text, files={".json": source}, content=content)
        return f"{int(datetime.now(UTC).timestamp())}.{number:06}"

    def _keep(
        self, channel: str, to: str, subject: str, text: str, *, files: dict[str, bytes], content: object
    ) -> int:
        with self._lock:
            number = len(self.messages) + 1
            stem = f"{number:04}-{channel}-{_slug(to)}"
            for suffix, source in files.items():
                (self.folder / f"{stem}{suffix}").write_bytes(source)
            message = Message(
                number=number,
                channel=channel,
                to=to,
                subject=subject,
                text=text,
                files=tuple(f"{stem}{suffix}" for suffix in files),
                at=datetime.now(UTC),
                content=content,
            )
            self.messages.append(message)
            with (self.folder / "messages.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(_as_json(message), ensure_ascii=False) + "\n")
            self._write_index()
        if self._on_message is not None:
            self._on_message(message)
        return number

    def _write_index(self) -> None:
        new = self.folder / "index.html.new"
        new.write_text(render_page(self.messages), "utf-8")
        new.replace(self.folder / "index.html")


def read_messages(folder: Path) -> Iterator[Message]:
    """What an inbox in this folder has received so far, without the contents."""
    try:
        lines = (folder / "messages.jsonl").read_text("utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return
    for line in lines:
        if line.endswith("\n"):
            fields = json.loads(line)
            at, files = datetime.fromisoformat(fields.pop("at")), tuple(fields.pop("files"))
            yield Message(**fields, at=at, files=files)


class _Smtp(Controller):
    """aiosmtpd on a socket that is bound here, so that a port of 0 is known before anything listens."""

    def __init__(self, inbox: Inbox, host: str, port: int) -> None:
        self._socket = socket.create_server((host, port))
        super().__init__(
            _Receiver(inbox), hostname=host, port=self._socket.getsockname()[1], enable_SMTPUTF8=True
        )

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._socket)


class _Receiver:
    """aiosmtpd's handler."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802, ARG002
        self._inbox.receive_email(list(envelope.rcpt_tos), envelope.original_content)
        return "250 2.0.0 kept"


class _Http(ThreadingHTTPServer):
    """Slack's endpoints, and the inbox's own files."""

    daemon_threads = True

    def __init__(self, inbox: Inbox, address: tuple[str, int]) -> None:
        self.inbox = inbox
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version = "inbox"
    timeout = 30

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        content = self._content()
        if content is None:
            self._answer(HTTPStatus.BAD_REQUEST, "text/plain", b"invalid_payload")
        elif path.startswith("/services/"):
            self.server.inbox.receive_slack(content)
            self._answer(HTTPStatus.OK, "text/html", b"ok")
        elif path == "/api/chat.postMessage":
            self._answer(HTTPStatus.OK, "application/json", json.dumps(self._post(content)).encode())
        elif path in ("/api/users.lookupByEmail", "/api/conversations.open"):
            self._answer(HTTPStatus.OK, "application/json", json.dumps(_find(content)).encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"no_service")

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
        file = self.server.inbox.folder / name
        if "/" in name or name.startswith(".") or not file.is_file():
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found")
        else:
            kind = TYPES.get(file.suffix, "application/octet-stream")
            self._answer(HTTPStatus.OK, f"{kind}; charset=utf-8", file.read_bytes())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass

    def _post(self, content: dict[str, Any]) -> dict[str, Any]:
        """What Slack's chat.postMessage answers."""
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return {"ok": False, "error": "not_authed"}
        if not content.get("channel"):
            return {"ok": False, "error": "channel_not_found"}
        if not (content.get("text") or content.get("blocks")):
            return {"ok": False, "error": "no_text"}
        stamp = self.server.inbox.receive_slack(content)
        return {"ok": True, "channel": content["channel"], "ts": stamp, "message": content}

    def _content(self) -> dict[str, Any] | None:
        """The request's body, as JSON or a form, or None when it is neither."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.close_connection = True
            return None
        source = self.rfile.read(length)
        try:
            if self.headers.get_content_type() == "application/x-www-form-urlencoded":
                fields = {name: values[-1] for name, values in parse_qs(source.decode("utf-8")).items()}
                content = json.loads(fields["payload"]) if "payload" in fields else fields
            else:
                content = json.loads(source)
        except ValueError:
            return None
        return content if isinstance(content, dict) else None

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)


def _as_json(message: Message) -> dict[str, object]:
    fields = {name: getattr(message, name) for name in ("number", "channel", "to", "subject", "text")}
    return {**fields, "files": message.files, "at": message.at.isoformat()}


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else None


def _text_of_blocks(blocks: object) -> str:
    """The first text in a tree of blocks."""
    if isinstance(blocks, dict):
        text = blocks.get("text")
        if isinstance(text, str):
            return text
        blocks = list(blocks.values())
    if isinstance(blocks, list):
        return next(filter(None, map(_text_of_blocks, blocks)), "")
    return ""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9@.]+", "-", text.lower()).strip("-.")[:60] or "nobody"


def _find(content: dict[str, Any]) -> dict[str, Any]:
    """What Slack answers when asked for a member or a conversation: here everybody is one."""
    who = content.get("email") or content.get("users")
    return {"ok": True, "user": {"id": who}, "channel": {"id": f"D:{who}"}}

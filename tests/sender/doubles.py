"""Stand-ins for the sender's tests: a database in memory, transports, and real servers on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from dreamlit_sender.database import Claimed, DatabaseTroubleError, Result, ResultsRejectedError
from dreamlit_sender.transport import Message, Outcome

PATIENCE = 10.0
Point = Callable[[str, Any], Awaitable[None]]


async def eventually(condition: Callable[[], object], database: FakeDatabase) -> None:
    """Wait until the condition holds, looking again whenever the database or a transport did something."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await database.anything()


@dataclass
class Row:
    """A message in the fake database."""

    message_id: int
    content: dict[str, Any]
    channel: str
    state: str = "queued"
    attempt: int = 0
    sender: int | None = None
    lease_until: float = 0.0
    templates: dict[str, Any] | None = None
    result: dict[str, Any] = field(default_factory=dict)
    retry: bool = True
    asked_of: str | None = None


class FakeDatabase:
    """Claim, report and tick in memory, by the rules of the contract; it can be away, or die in a call."""

    def __init__(self, *, lease: float = 600.0) -> None:
        self.rows: dict[int, Row] = {}
        self.lease = lease
        self.away = False
        self.history: list[tuple[Any, ...]] = []
        self.ticks = 0
        self.public_url: str | None = None
        self.nap = 60.0
        self.open_sessions = 0
        self.listeners: list[asyncio.Queue[str | None]] = []
        self.point: Point | None = None
        self.reject: Callable[[Result], bool] = lambda result: False
        self._moved = asyncio.Event()

    def add(self, count: int = 1, *, channel: str = "email", **content: Any) -> list[int]:
        """Queue messages; return their ids."""
        first = len(self.rows) + 1
        for message_id in range(first, first + count):
            self.rows[message_id] = Row(
                message_id, {"to": [f"u{message_id}@example.org"], **content}, channel
            )
        return list(range(first, first + count))

    def states(self) -> list[str]:
        return [row.state for row in self.rows.values()]

    def announce(self, channel: str) -> None:
        for listener in self.listeners:
            listener.put_nowait(channel)

    def break_connections(self) -> None:
        for listener in self.listeners:
            listener.put_nowait(None)

    def expire_leases(self) -> None:
        """What the reaper does: unstarted messages go back, started ones are uncertain."""
        for row in self.rows.values():
            if row.state == "claimed":
                row.state = "queued"
            elif row.state == "sending":
                row.state = "uncertain"

    async def anything(self) -> None:
        """Wait until something happens."""
        self._moved.clear()
        await self._moved.wait()

    def note(self, *event: Any) -> None:
        self.history.append(event)
        self._moved.set()

    async def reach(self, name: str, what: Any = None) -> None:
        """A point at which a test may make the connection break, the process die or the call wait."""
        if self.away:
            await asyncio.sleep(0)
            raise DatabaseTroubleError("away")
        await self.pass_by(name, what)

    async def pass_by(self, name: str, what: Any = None) -> None:
        """The same outside the database, which is not concerned if it is away."""
        await asyncio.sleep(0)
        if self.point is not None:
            await self.point(name, what)

    async def connect(self, purpose: str) -> FakeSession:
        self.note("connect", purpose)
        await self.reach("connect", purpose)
        self.open_sessions += 1
        return FakeSession(self)


class FakeSession:
    def __init__(self, database: FakeDatabase) -> None:
        self._database = database
        self._closed = False

    async def claim(self, channel: str, quantity: int, provider: str | None = None) -> list[Claimed]:
        database = self._database
        await database.reach("claim", channel)
        now = time.monotonic()
        due = [row for row in database.rows.values() if row.state == "queued" and row.channel == channel]
        claimed = []
        for row in due[:quantity]:
            row.state, row.sender, row.lease_until = "claimed", id(database), now + database.lease
            row.attempt += 1
            claimed.append(
                Claimed(
                    row.message_id,
                    row.attempt,
                    row.content,
                    row.templates,
                    row.lease_until,
                    database.lease,
                    row.asked_of,
                )
            )
        database.note("claim", channel, [item.message_id for item in claimed])
        await database.reach("claimed", claimed)
        return claimed

    async def public_url(self) -> str | None:
        await self._database.reach("public_url")
        return self._database.public_url

    async def report(self, results: Sequence[Result]) -> dict[int, str]:
        database = self._database
        await database.reach("report", results)
        json.dumps(list(results))
        if any(database.reject(result) for result in results):
            raise ResultsRejectedError("22P05 unsupported Unicode escape sequence")
        answer = {}
        for result in results:
            row = database.rows[result["message_id"]]
            if row.attempt == result["attempt"]:
                self._settle(row, result)
                answer[row.message_id] = row.state
        database.note("report", list(results))
        await database.reach("reported", results)
        return answer

    def _settle(self, row: Row, result: Result) -> None:
        outcome = result["outcome"]
        if outcome == "started" and row.state == "claimed":
            row.state = "sending"
        elif outcome == "released" and row.state in ("sending", "claimed"):
            row.state = "queued"
        elif outcome in ("sent", "rendered") and row.state in ("sending", "claimed"):
            row.state, row.result = outcome, dict(result)
        elif outcome == "failed" and row.state in ("sending", "claimed"):
            states = {"recipient": "failed", "unknown": "uncertain", "configuration": "held"}
            row.state = states.get(result["fault"], "queued" if row.retry else "waiting")
            row.result = dict(result)

    async def tick(self) -> tuple[int, float]:
        await self._database.reach("tick")
        self._database.ticks += 1
        self._database.note("tick")
        return 0, self._database.nap

    async def listen(self) -> AsyncGenerator[str, None]:
        await self._database.reach("listen")
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._database.listeners.append(queue)
        self._database.note("listening")
        yield ""
        while (name := await queue.get()) is not None:
            yield name
        raise DatabaseTroubleError("connection lost")

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._database.open_sessions -= 1


class FakeTransport:
    """Calls `behave` for each message; keeps what was delivered, and whether the database had agreed."""

    def __init__(
        self, database: FakeDatabase, behave: Callable[[Message], Awaitable[Outcome]] | None = None
    ) -> None:
        self.database = database
        self.behave = behave
        self.delivered: list[int] = []
        self.unagreed: list[int] = []
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False

    async def deliver(self, message: Message) -> Outcome:
        message.handover.not_yet()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.database.pass_by("deliver", message)
            if self.database.rows[message.message_id].state != "sending":
                self.unagreed.append(message.message_id)
            message.handover.begins()
            self.delivered.append(message.message_id)
            self.database.note("delivered", message.message_id)
            await self.database.pass_by("delivered", message)
            if self.behave is not None:
                return await self.behave(message)
            return Outcome.sent(provider="fake", provider_id=f"p{message.message_id}")
        finally:
            self.at_once -= 1

    async def aclose(self) -> None:
        self.closed = True


class Mailbox:
    """A handler for aiosmtpd: keeps messages, and answers as each test wants."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.connections = 0
        self.commands: list[str] = []
        self.on_mail: Callable[[str], str | None] = lambda address: None
        self.on_rcpt: Callable[[str], str | None] = lambda address: None
        self.on_data: Callable[[SMTP], Awaitable[str]] | None = None
        self.protocols: list[SMTP] = []

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        if reply := self.on_mail(address):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("RCPT")
        if reply := self.on_rcpt(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.commands.append("RSET")
        return "250 OK"

    async def handle_NOOP(self, server: Any, session: Session, envelope: Envelope, arg: str) -> str:  # noqa: N802
        self.commands.append("NOOP")
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.commands.append("DATA")
        reply = await self.on_data(server) if self.on_data else "250 2.0.0 Ok: queued as 4ZkQ1"
        if reply.startswith("250"):
            self.messages.append(envelope)
        return reply


def check_password(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Accept the user `ann` with the password `s3cret/word`."""
    return AuthResult(success=data.login == b"ann" and data.password == b"s3cret/word", handled=False)


def hang_up(server: SMTP) -> None:
    """Break the connection, without a word of SMTP."""
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


@asynccontextmanager
async def smtp_server(
    mailbox: Mailbox, *, tls: Any = None, port: int = 0, **options: Any
) -> AsyncGenerator[int, None]:
    """A real aiosmtpd server in this loop; yields its port. `tls`: a context for TLS from the first byte."""
    options.setdefault("enable_SMTPUTF8", True)

    def protocol() -> SMTP:
        mailbox.connections += 1
        one = SMTP(mailbox, hostname="mx.test", **options)
        mailbox.protocols.append(one)
        return one

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in mailbox.protocols:
            hang_up(one)
            if one._handler_coroutine is not None:
                one._handler_coroutine.cancel()
                await asyncio.gather(one._handler_coroutine, return_exceptions=True)


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[int, None]:
    """A TCP server that does what `talk` does and then closes the connection; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class Request:
    """An HTTP request as the Slack server got it."""

    path: str
    headers: Mapping[str, str]
    body: Any


Reply = tuple[int, Mapping[str, str], bytes]


class SlackServer:
    """Answers as Slack does: /api/… and /services/… ; `answer` changes the reply, `members` are found by address."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Awaitable[Reply | None]] | None = None
        self.members = {"ann@example.org": "U1", "bob@example.org": "U2"}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
            }
            data = await reader.readexactly(int(headers["content-length"]))
            form = headers.get("content-type") == "application/x-www-form-urlencoded"
            body = dict(parse_qsl(data.decode())) if form else json.loads(data)
            request = Request(head[0].split()[1], headers, body)
            self.requests.append(request)
            reply = await self.answer(request) if self.answer else self.usual(request)
            if reply is None:
                return
            status, fields, data = reply
            lines = [f"HTTP/1.1 {status} X", *(f"{key}: {value}" for key, value in fields.items())]
            lines.append(f"Content-Length: {len(data)}")
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data)
            await writer.drain()

    def usual(self, request: Request) -> Reply:
        if request.path.startswith("/services/"):
            return 200, {"Content-Type": "text/html"}, b"ok"
        if request.headers.get("authorization") != "Bearer xoxb-secret-token":
            return slack_json({"ok": False, "error": "invalid_auth"})
        if request.path == "/api/users.lookupByEmail":
            member = self.members.get(request.body["email"])
            if member is None:
                return slack_json({"ok": False, "error": "users_not_found"})
            return slack_json({"ok": True, "user": {"id": member}})
        if request.path == "/api/conversations.open":
            return slack_json({"ok": True, "channel": {"id": f"D{request.body['users']}"}})
        ts = f"1700000000.{len(self.requests):06d}"
        return slack_json({"ok": True, "channel": "C1", "ts": ts, "message": {"text": "x"}})


def slack_json(document: Any, status: int = 200, **headers: str) -> Reply:
    fields = {
        "Content-Type": "application/json; charset=utf-8",
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    return status, fields, json.dumps(document).encode()

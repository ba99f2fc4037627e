"""The receiving servers: real ones on loopback, in a thread of their own, that keep a ledger and misbehave on demand.

Also a proxy before the database whose connections can be cut, or its answers swallowed.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.faults.ledger import Ledger
from tests.sender.doubles import (
    Mailbox,
    Reply,
    Request,
    SlackServer,
    hang_up,
    raw_server,
    slack_json,
    smtp_server,
)

PATIENCE = 30.0
Hook = Callable[[str, SMTP], Awaitable[str | None]]
"""What happens when a token comes to a stage; a reply that it returns is the server's."""


class Gate:
    """Holds deliveries at a stage until it is opened."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self._open = threading.Event()

    async def pass_by(self, token: str, server: SMTP) -> str | None:
        """A hook: stand before the gate."""
        self._arrived.release()
        await asyncio.to_thread(self._open.wait, PATIENCE)
        return None

    def wait_for(self, quantity: int) -> None:
        """Return once so many deliveries stand before it."""
        for _ in range(quantity):
            assert self._arrived.acquire(timeout=PATIENCE), "no delivery came to the gate"

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()


class PostOffice(Mailbox):
    """An SMTP server that notes what it accepts. Stages with hooks: greet, rcpt, data, accepted (not answered yet)."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.hooks: dict[str, Hook] = {}
        self.seen: list[str] = []
        """The tokens of all RCPT commands."""

    def gate(self, stage: str) -> Gate:
        """A gate at that stage."""
        gate = Gate()
        self.hooks[stage] = gate.pass_by
        return gate

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        reply = await self._reach("greet", "", server)
        session.host_name = hostname
        return [reply] if reply else responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        token = address.partition("@")[0]
        self.seen.append(token)
        reply = await self._reach("rcpt", token, server)
        return reply or await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        token = str(envelope.rcpt_tos[0]).partition("@")[0]
        if reply := await self._reach("data", token, server):
            return reply
        message = email.message_from_bytes(envelope.original_content or b"")
        self.ledger.append(token=token, channel="email", key=str(message["Message-ID"]))
        return await self._reach("accepted", token, server) or "250 2.0.0 Ok: queued as 4ZkQ1"

    async def _reach(self, stage: str, token: str, server: SMTP) -> str | None:
        hook = self.hooks.get(stage)
        return await hook(token, server) if hook else None


async def drop(token: str, server: SMTP) -> str:
    """A hook: hang up without a word."""
    hang_up(server)
    return "421 gone"


class Workspace(SlackServer):
    """Slack's API that notes what it posts. `fault` holds the answers to the first requests of each token.

    An answer that is also among `posted` hides that the message was posted; None hangs up without an answer.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.fault: list[Reply | None] = []
        self.posted: list[Reply] = []
        self.answer = self._answer
        self._tries: Counter[str] = Counter()

    async def _answer(self, request: Request) -> Reply | None:
        token = str(request.body["text"])
        self._tries[token] += 1
        if self._tries[token] <= len(self.fault):
            fault = self.fault[self._tries[token] - 1]
            if fault in self.posted:
                self.ledger.append(token=token, channel="slack", key=token)
            return fault
        self.ledger.append(token=token, channel="slack", key=token)
        ts = f"1700000000.{len(self.requests):06d}"
        return slack_json({"ok": True, "channel": "C1", "ts": ts, "message": {"text": token}})


class Receivers:
    """Both servers in a thread; ports of 0 are chosen by the system."""

    def __init__(self, ledger: Ledger, *, smtp_port: int = 0) -> None:
        self.post = PostOffice(ledger)
        self.workspace = Workspace(ledger)
        self.smtp_port = smtp_port
        self.slack_port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="receivers", daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a sender here."""
        return {
            "DREAMLIT_SMTP_URL": smtp_url(self.smtp_port),
            "DREAMLIT_SLACK_API_URL": f"http://127.0.0.1:{self.slack_port}/api",
            "DREAMLIT_SLACK_TOKEN": "xoxb-secret-token",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the servers did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with (
            smtp_server(self.post, port=self.smtp_port) as smtp_port,
            raw_server(self.workspace.talk) as slack_port,
        ):
            self.smtp_port, self.slack_port = smtp_port, slack_port
            self._ready.set()
            await self._stop.wait()


def smtp_url(port: int) -> str:
    """The URL of an SMTP server on loopback, with a short patience."""
    return f"smtp://127.0.0.1:{port}?starttls=never&timeout=1.5"


class Proxy:
    """A TCP port before the database's socket."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._mute = threading.Event()
        self.swallowed = 0
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def mute(self) -> None:
        """Swallow from now on what the database answers."""
        self._mute.set()

    def cut(self) -> None:
        """Cut all connections, hard; new ones are whole again."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self._mute.clear()
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._target))
            except OSError:
                client.close()
                server.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(target=self._join, args=(client, server), name="proxied", daemon=True).start()

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        questions = threading.Thread(target=self._pump, args=(client, server), daemon=True)
        questions.start()
        self._pump(server, client, answers=True)
        questions.join()
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, *, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self._mute.is_set():
                    self.swallowed += len(data)
                else:
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy_to(target: Path) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()

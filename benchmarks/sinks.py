"""Servers that take mail as fast as Python can and forget it: `python -m benchmarks.sinks smtp|http`.

Each is a process. It says `ready PORT`; told `expect N`, it says `expecting`, and `took SECONDS` once it has
accepted N more: from the first of them to the last. Asked for `news`, it says `news JSON`: whose messages it
has accepted since it was last asked, by the number in person<number>@example.com, and when by the clock of
time.perf_counter, which all processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from typing import ClassVar

from benchmarks.peers.process import Child
from benchmarks.place import HOME


class Count:
    """How many were accepted since `expect`, and when the first was."""

    expected = 0
    seen = 0
    first = 0.0

    @classmethod
    def expect(cls, count: int) -> None:
        """Begin to count anew."""
        cls.expected, cls.seen = count, 0

    @classmethod
    def accept(cls, count: int = 1) -> None:
        """So many more; says it when all have come."""
        now = time.perf_counter()
        if cls.seen == 0:
            cls.first = now
        before, cls.seen = cls.seen, cls.seen + count
        if before < cls.expected <= cls.seen:
            _say(f"took {now - cls.first}")


class Smtp(asyncio.Protocol):
    """ESMTP without a queue: every message is accepted as its last line comes in."""

    _PERSON = re.compile(rb"<person(\d+)@example\.com>")
    news: ClassVar[dict[int, float]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._buffer = b""
        self._in_data = False
        self._persons: list[int] = []
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Take lines, or a message up to its dot."""
        self._buffer += data
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            part, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            if self._in_data:
                self._in_data = False
                Count.accept()
                now = time.perf_counter()
                for person in self._persons:
                    self.news[person] = now
                self._transport.write(b"250 accepted\r\n")
            else:
                self._answer(part)

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._persons += map(int, self._PERSON.findall(line))
        elif verb == b"MAIL":
            self._persons = []
        if verb == b"EHLO":
            self._transport.write(b"250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n")
        elif verb == b"DATA":
            self._in_data = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 ok\r\n")


class Http(asyncio.Protocol):
    """Answers POST /emails and /emails/batch as Resend does, over connections that stay open."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is said before a request."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Take whole requests."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line[:15].lower() == b"content-length:"
            )
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(head.split(b" ", 2)[1], rest[:length])

    def _answer(self, path: bytes, body: bytes) -> None:
        size = len(json.loads(body)) if path.endswith(b"/batch") else 1
        ids = [{"id": str(Count.seen + n)} for n in range(size)]
        Count.accept(size)
        answer = json.dumps({"data": ids} if path.endswith(b"/batch") else ids[0]).encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (len(answer), answer)
        )


class Sink:
    """A sink's process, as the bench sees it."""

    def __init__(self, kind: str) -> None:
        HOME.mkdir(parents=True, exist_ok=True)
        self._child = Child([sys.executable, "-m", "benchmarks.sinks", kind], HOME / f"sink-{kind}.log")
        self.port = int(self._child.expect("ready"))

    def expect(self, count: int) -> None:
        """Count from now on; returns when the sink does so."""
        self._child.say(f"expect {count}")
        self._child.expect("expecting")

    def took(self) -> float:
        """Wait for the last; seconds since the first."""
        return float(self._child.expect("took"))

    def news(self) -> dict[int, float]:
        """Whose messages were accepted since the last call, and when."""
        self._child.say("news")
        return {int(person): moment for person, moment in json.loads(self._child.expect("news")).items()}

    def close(self) -> None:
        """End it."""
        self._child.close()


@contextlib.contextmanager
def open_sink(kind: str) -> Iterator[Sink]:
    """A sink, smtp or http; ended afterwards."""
    sink = Sink(kind)
    try:
        yield sink
    finally:
        sink.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _serve(protocol: type[asyncio.Protocol]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=128)
    _say(f"ready {server.sockets[0].getsockname()[1]}")
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.startswith("news"):
            _say(f"news {json.dumps(Smtp.news)}")
            Smtp.news.clear()
        else:
            Count.expect(int(line.split()[1]))
            _say("expecting")


if __name__ == "__main__":
    asyncio.run(_serve({"smtp": Smtp, "http": Http}[sys.argv[1]]))

"""The HTTP side's only door to the database, and the buffer before it for what must not wait."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from dreamlit_sender.backoff import Backoff
from dreamlit_sender.log import log_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from psycopg.rows import TupleRow

    from dreamlit_sender.serve.payloads import Event

_BATCH = 500
_NOT_THERE = ("42883", "42501", "3F000")


class StoreAwayError(Exception):
    """The database cannot be reached or does not answer in time; the request may be repeated."""


class StoreUnfitError(StoreAwayError):
    """The engine has no such door, or none for this role: to be mended there, and then repeated."""


class StoreRefusedError(Exception):
    """The database will never take this."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One line of the preferences page; `topic` None is everything."""

    topic: str | None
    title: str | None
    description: str | None
    subscribed: bool


class Store:
    """Calls the doors of the HTTP side. Every method commits, and raises StoreAwayError."""

    def __init__(self, dsn: str, *, connections: int = 4, timeout: float = 5.0) -> None:
        self._timeout = timeout
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]] = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=timeout,
            reconnect_timeout=30.0,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "application_name": "dreamlit serve",
                "connect_timeout": 5,
            },
        )

    async def open(self) -> None:
        """Begin to connect; the database need not be there yet."""
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        await self._pool.open(wait=False)

    async def aclose(self) -> None:
        """Close all connections."""
        with suppress(PoolTimeout):
            # One that is just being made would be left open.
            await self._pool.wait(timeout=1.0)
        await self._pool.close()

    async def record(self, events: Sequence[Event]) -> int:
        """Return how many events were new. Also raises StoreRefusedError."""
        rows = await self._call(
            "select dreamlit.record_engagement(%s::jsonb)", (json.dumps(list(events), allow_nan=False),)
        )
        return int(rows[0][0] or 0)

    async def unsubscribe(self, message_id: int, recipient: str, via: str) -> str:
        """Return the title of the topic that was left, or "all". Also raises StoreRefusedError."""
        rows = await self._call(
            "select dreamlit.unsubscribe(%s::bigint, %s::text, %s::text)", (message_id, recipient, via)
        )
        return str(rows[0][0])

    async def preferences(self, message_id: int, recipient: str) -> list[Preference]:
        """Return the person's choices, everything first. Also raises StoreRefusedError."""
        rows = await self._call(
            "select topic, title, description, subscribed"
            " from dreamlit.message_preferences(%s::bigint, %s::text)",
            (message_id, recipient),
        )
        return sorted((Preference(*row) for row in rows), key=lambda one: one.topic is not None)

    async def set_preferences(self, message_id: int, recipient: str, choices: Mapping[str, bool]) -> None:
        """Store the person's choices; the name * is everything. Also raises StoreRefusedError."""
        await self._call(
            "select dreamlit.set_message_preferences(%s::bigint, %s::text, %s::jsonb)",
            (message_id, recipient, json.dumps(dict(choices))),
        )

    async def brand(self) -> Mapping[str, Any]:
        """Return the brand, empty where there is none or it may not be read."""
        try:
            rows = await self._call("select dreamlit.brand()", ())
        except StoreUnfitError:
            return {}
        return rows[0][0] if rows and isinstance(rows[0][0], dict) else {}

    async def metrics(self) -> list[tuple[str, Mapping[str, str], float]]:
        """Return the engine's samples: name, labels, value."""
        rows = await self._call("select name, labels, value from dreamlit.metrics()", ())
        return [(row[0], row[1], row[2]) for row in rows]

    async def _call(self, query: LiteralString, parameters: Sequence[Any]) -> list[TupleRow]:
        async with self._connection() as connection, asyncio.timeout(self._timeout):
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[psycopg.AsyncConnection[TupleRow], None]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, TimeoutError, OSError) as error:
            raise StoreAwayError(type(error).__name__) from error
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if state in _NOT_THERE:
                raise StoreUnfitError(f"{state} {error.diag.message_primary or ''}"[:300]) from error
            if state[:2] in ("22", "23", "P0", "DL"):
                raise StoreRefusedError(f"{state} {error.diag.message_primary or ''}"[:300]) from error
            raise StoreAwayError(state or type(error).__name__) from error


class Buffer:
    """Keeps opens and clicks, which are answered at once, until they are written.

    At most `size` of them: where more come while the database is away, the oldest are lost, and counted.
    """

    def __init__(self, store: Store, *, size: int = 10_000, backoff: Backoff | None = None) -> None:
        self._store = store
        self._events: deque[Event] = deque()
        self._size = size
        self._filled = asyncio.Event()
        self._backoff = backoff or Backoff()
        self._writer: asyncio.Task[None] | None = None
        self.dropped = 0
        self.written = 0

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> None:
        """Keep one event."""
        while len(self._events) >= self._size:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._filled.set()

    def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write())

    async def aclose(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Write what is left, for a moment at most, and say how much was lost."""
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        try:
            async with asyncio.timeout(timeout):
                while self._events:
                    await self._write_some()
        except (StoreAwayError, TimeoutError):
            log_event(logging.WARNING, "engagement_lost", events=len(self._events))

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._events:
                try:
                    await self._write_some()
                    self._backoff.reset()
                except StoreAwayError as error:
                    delay = self._backoff.next()
                    log_event(
                        logging.WARNING,
                        "database_away",
                        purpose="serve",
                        error=str(error),
                        retry_in=round(delay, 2),
                    )
                    await asyncio.sleep(delay)

    async def _write_some(self) -> None:
        batch = [self._events[place] for place in range(min(_BATCH, len(self._events)))]
        try:
            await self._store.record(batch)
        except StoreRefusedError:
            # One of them is to blame: alone, it takes no other with it.
            for event in batch:
                await self._write_one(event)
        else:
            self.written += len(batch)
        self._forget(batch)

    async def _write_one(self, event: Event) -> None:
        try:
            await self._store.record([event])
            self.written += 1
        except StoreRefusedError as error:
            self.dropped += 1
            log_event(logging.ERROR, "engagement_refused", kind=event["kind"], error=str(error))

    def _forget(self, batch: Sequence[Event]) -> None:
        """Take the written ones off the front; some may have been dropped there meanwhile."""
        written = {id(event) for event in batch}
        while self._events and id(self._events[0]) in written:
            self._events.popleft()

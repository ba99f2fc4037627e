"""The sender's only door to the database: claim, report, tick and listen.

`Database` is what the loops need; `PostgresDatabase` does it with psycopg. Every session is one connection of
its own, outside any transaction, so each call is a transaction.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from psycopg.rows import TupleRow

Result = dict[str, Any]
"""One entry of `dreamlit.report`'s array."""

NOTIFY_CHANNEL = "dreamlit_outbox"
RELEASE = version("dreamlit-pg")
LANES = ("alert", "urgent", "bulk")
OLDEST = (0, 2, 0)
"""The oldest release of the engine whose claim takes what we say."""
_HINTS = {
    "25006": "a standby takes no writes: name the primary, or all hosts and target_session_attrs=read-write",
}


class DatabaseTroubleError(Exception):
    """The database could not be reached, or refused the call, which may be repeated on a new session."""


class ResultsRejectedError(Exception):
    """The database will never take these results (bad data in one of them); the session stays good."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours until `deadline` (of time.monotonic()), for `lease` seconds in all.

    `asked_of` is the provider that may have taken it already.
    """

    message_id: int
    attempt: int
    content: Mapping[str, Any]
    templates: Mapping[str, Any] | None
    deadline: float
    lease: float
    asked_of: str | None = None

    def lease_left(self) -> float:
        """Return the seconds for which nobody else may claim it."""
        return self.deadline - time.monotonic()


class Session(Protocol):
    """One connection. Every method raises DatabaseTroubleError, and then the session is done for."""

    async def claim(self, channel: str, quantity: int, provider: str | None = None) -> list[Claimed]:
        """Return up to `quantity` messages, leased to this sender, to go by the provider. Commits."""
        ...

    async def report(self, results: Sequence[Result]) -> dict[int, str]:
        """Return the state of each message after the results. Commits. Also raises ResultsRejectedError."""
        ...

    async def tick(self) -> tuple[int, float]:
        """Move the engine on once; return how much moved and the seconds to sleep now. Commits."""
        ...

    async def public_url(self) -> str | None:
        """Return the setting public_url, None if it is not set."""
        ...

    def listen(self) -> AsyncGenerator[str, None]:
        """Return the channels' names as their outboxes fill; an empty name first, once it is listening."""
        ...

    async def aclose(self) -> None:
        """Close the connection. Raises nothing."""
        ...


class Database(Protocol):
    """Opens sessions."""

    async def connect(self, purpose: str) -> Session:
        """Return a new session, for the purpose shown in pg_stat_activity. Raises DatabaseTroubleError."""
        ...


class PostgresDatabase:
    """Sessions with a PostgreSQL database by psycopg.

    `lease` in seconds; None leaves it to the database. `lanes` are those that messages are claimed from.
    """

    def __init__(
        self,
        dsn: str,
        sender: str,
        *,
        lease: float | None = None,
        lanes: Sequence[str] = LANES,
        call_timeout: float = 60.0,
    ) -> None:
        self._dsn = dsn
        self._sender = sender
        self._lanes = list(lanes)
        self._lease = None if lease is None else timedelta(seconds=lease)
        self._timeout = call_timeout

    async def connect(self, purpose: str) -> Session:
        """Return a new session. Raises DatabaseTroubleError, also for a database older than this sender."""
        with _trouble():
            async with asyncio.timeout(self._timeout):
                connection = await psycopg.AsyncConnection.connect(
                    self._dsn,
                    autocommit=True,
                    prepare_threshold=None,  # a pooler between us and the server may not know our statements
                    application_name=f"dreamlit sender {purpose}",
                    connect_timeout=10,
                    keepalives_idle=30,
                    keepalives_interval=10,
                    keepalives_count=3,
                )
        if purpose == "render":
            # As the database's own renderer reads numbers: 19.90 stays 19.90.
            set_json_loads(partial(json.loads, parse_float=Decimal), connection)
        session = _PostgresSession(connection, self._sender, self._lease, self._lanes, self._timeout)
        try:
            await session.check_release()
        except DatabaseTroubleError:
            await session.aclose()
            raise
        return session


class _PostgresSession:
    def __init__(
        self,
        connection: psycopg.AsyncConnection[TupleRow],
        sender: str,
        lease: timedelta | None,
        lanes: list[str],
        timeout: float,
    ) -> None:
        self._connection = connection
        self._sender = sender
        self._lease = lease
        self._lanes = lanes
        self._timeout = timeout

    async def check_release(self) -> None:
        """Raise DatabaseTroubleError for an engine too old for this sender; claim tells of the opposite."""
        found = str((await self._call("select dreamlit.version()", ()))[0][0])
        if tuple(int(part) for part in found.split(".")[:3]) < OLDEST:
            raise DatabaseTroubleError(
                f"the database has release {found} of dreamlit, this sender is of {RELEASE}: "
                "run dreamlit upgrade on the database, or start a sender of its release"
            )

    async def claim(self, channel: str, quantity: int, provider: str | None = None) -> list[Claimed]:
        # The lease is counted from before the call, and its length measured on the server's clock:
        # neither a slow answer nor a wrong clock here makes it longer than it is.
        asked_at = time.monotonic()
        rows = await self._call(
            "select message_id, attempt, content, templates,"
            " extract(epoch from lease_until - clock_timestamp())::float8, asked_of"
            " from dreamlit.claim(%s::text, %s::text, %s::int, %s::interval, %s::text[], %s::text, %s::text)",
            (channel, self._sender, quantity, self._lease, self._lanes, RELEASE, provider),
        )
        return [Claimed(row[0], row[1], row[2], row[3], asked_at + row[4], row[4], row[5]) for row in rows]

    async def report(self, results: Sequence[Result]) -> dict[int, str]:
        try:
            rows = await self._call(
                "select message_id, state from dreamlit.report(%s::text, %s::jsonb)",
                (self._sender, json.dumps(list(results))),
            )
        except DatabaseTroubleError as trouble:
            if _is_about_data(trouble.__cause__):
                raise ResultsRejectedError(str(trouble)) from trouble
            raise
        return dict(rows)

    async def tick(self) -> tuple[int, float]:
        rows = await self._call(
            "select moved, nap from dreamlit.tick(%s::text, %s::text)", (self._sender, RELEASE)
        )
        if not rows:
            return 0, 1.0
        moved, nap = rows[0]
        return moved or 0, nap.total_seconds() if nap is not None else 1.0

    async def public_url(self) -> str | None:
        rows = await self._call("select dreamlit.public_url()", ())
        found: str | None = rows[0][0]
        return found

    async def listen(self) -> AsyncGenerator[str, None]:
        with _trouble():
            async with asyncio.timeout(self._timeout):
                await self._connection.execute(sql.SQL("listen {}").format(sql.Identifier(NOTIFY_CHANNEL)))
            yield ""
            while True:
                async for notice in self._connection.notifies(timeout=0):
                    yield notice.payload
                await _readable(self._connection.fileno())

    async def aclose(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self._connection.close()

    async def _call(self, query: str, parameters: Sequence[Any]) -> list[TupleRow]:
        with _trouble():
            async with asyncio.timeout(self._timeout), self._connection.cursor() as cursor:
                await cursor.execute(query, parameters)
                return await cursor.fetchall()


async def _readable(socket: int) -> None:
    """Return once there is something to read. psycopg's own way of waiting wakes ten times a second."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(socket, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(socket)


@contextmanager
def _trouble() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseTroubleError(_first_line(error)) from error
    except TimeoutError as error:
        raise DatabaseTroubleError("no answer from the database in time") from error
    except OSError as error:
        raise DatabaseTroubleError(str(error)) from error


def _first_line(error: psycopg.Error) -> str:
    """Return the error without detail and context, which may hold data; a hint of ours holds none."""
    text = error.diag.message_primary or str(error).strip() or type(error).__name__
    state = error.sqlstate or ""
    hint = error.diag.message_hint if state.startswith("DL") else _HINTS.get(state)
    first = " ".join(filter(None, [state, text.splitlines()[0][:300]]))
    return f"{first}: {hint}" if hint else first


def _is_about_data(error: BaseException | None) -> bool:
    """Whether the server refused what was said, and not that it was said now or by this role."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state is not None and (state[:2] in ("22", "23", "P0") or state in ("DL001", "DL002", "DL003"))

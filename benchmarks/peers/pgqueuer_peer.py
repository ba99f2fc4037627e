"""pgqueuer: asyncpg and uvloop, lists in one enqueue, a large batch_size; all tables logged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.notification import batches, deliver

BATCH_SIZE = 500


def set_up(dsn: str) -> None:
    """Its schema."""

    async def install() -> None:
        connection = await asyncpg.connect(dsn)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()

    asyncio.run(install())


def enqueuer(dsn: str) -> Callable[[int], None]:
    """One enqueue a batch."""
    loop = uvloop.new_event_loop()
    queries = Queries(AsyncpgDriver(loop.run_until_complete(asyncpg.connect(dsn))))

    async def enqueue(count: int) -> None:
        for batch in batches(count):
            size = len(batch)
            payloads = [json.dumps(document).encode() for document in batch]
            await queries.enqueue(["notify"] * size, payloads, [0] * size)

    return lambda count: loop.run_until_complete(enqueue(count))


def worker(dsn: str) -> Callable[[], None]:
    """One queue manager a process."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)

    async def prepare() -> PgQueuer:
        # Its objects bind to the loop that runs while they are made.
        pgq = PgQueuer(AsyncpgDriver(await asyncpg.connect(dsn)))

        @pgq.entrypoint("notify")
        async def notify(job: Job) -> None:
            deliver(json.loads(job.payload or b"{}"))

        return pgq

    pgq = loop.run_until_complete(prepare())
    return lambda: loop.run_until_complete(
        pgq.qm.run(dequeue_timeout=timedelta(seconds=1), batch_size=BATCH_SIZE)
    )

"""pgmq through its own SQL functions: send_batch, read of many, archive; two psycopg sessions."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.peers.notification import BATCH, batches, deliver


def set_up(dsn: str) -> None:
    """The queue; the extension's functions are the engine's own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select pgmq.create('peer')")


def enqueuer(dsn: str) -> Callable[[int], None]:
    """One call a batch, each its own commit."""
    connection = psycopg.connect(dsn, autocommit=True)

    def enqueue(count: int) -> None:
        for batch in batches(count):
            connection.execute("select count(*) from pgmq.send_batch('peer', %s)", [[*map(Jsonb, batch)]])

    return enqueue


def worker(dsn: str) -> Callable[[], None]:
    """Read a batch, render it, archive it, again."""
    connection = psycopg.connect(dsn, autocommit=True)

    def work() -> None:
        while True:
            rows = connection.execute(
                "select msg_id, message from pgmq.read('peer', 60, %s)", [BATCH]
            ).fetchall()
            for _, document in rows:
                deliver(document)
            connection.execute(
                "select count(*) from pgmq.archive('peer', %s::bigint[])", [[row[0] for row in rows]]
            )
            if not rows:
                connection.execute("select pg_sleep(0.01)")

    return work

"""dbos: asynchronous workflows on a queue that is polled often, enqueued a thousand a transaction."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from benchmarks.peers.notification import batches, deliver
from benchmarks.peers.process import PATIENCE

QUEUE = "notifications"
POLLING_SECONDS = 0.01
WORKER_CONCURRENCY = 500


def set_up(dsn: str) -> None:
    """Its schema and the queue."""
    _launch(dsn)
    DBOS.register_queue(QUEUE, worker_concurrency=WORKER_CONCURRENCY, polling_interval_sec=POLLING_SECONDS)
    DBOS.destroy()


def enqueuer(dsn: str) -> Callable[[int], None]:
    """One transaction a batch; the client has no call for many at once."""
    client = DBOSClient(system_database_url=_url(dsn))
    engine = sa.create_engine(_url(dsn))

    def enqueue(count: int) -> None:
        for batch in batches(count):
            with engine.begin() as connection:
                for document in batch:
                    options: Any = {"workflow_name": "notify", "queue_name": QUEUE}
                    client.enqueue_in_transaction(connection, options, document)

    return enqueue


def worker(dsn: str) -> Callable[[], None]:
    """An application that works from its launch on: launching takes a second, which is not to be measured."""

    @DBOS.workflow(name="notify")
    async def notify(document: dict[str, Any]) -> None:
        deliver(document)

    _launch(dsn)
    return lambda: time.sleep(PATIENCE)


def _launch(dsn: str) -> None:
    config: Any = {
        "name": "bench",
        "system_database_url": _url(dsn),
        "application_version": "1",
        "executor_id": str(os.getpid()),
        "log_level": "WARNING",
        "sys_db_pool_size": 20,
    }
    DBOS(config=config)
    DBOS.launch()


def _url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)

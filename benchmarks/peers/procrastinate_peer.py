"""procrastinate: batch_defer, an asynchronous task, a worker with concurrency in each process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from benchmarks.peers.notification import batches, deliver

CONCURRENCY = 10


def set_up(dsn: str) -> None:
    """Its schema."""
    app = App(connector=SyncPsycopgConnector(conninfo=dsn))
    with app.open():
        app.schema_manager.apply_schema()


def enqueuer(dsn: str) -> Callable[[int], None]:
    """One batch_defer a batch."""
    app = App(connector=SyncPsycopgConnector(conninfo=dsn))
    app.open()
    deferrer = app.configure_task("notify")

    def enqueue(count: int) -> None:
        for batch in batches(count):
            deferrer.batch_defer(*batch)

    return enqueue


def worker(dsn: str) -> Callable[[], None]:
    """A worker with as many connections as jobs at once, and one to listen."""
    app = App(connector=PsycopgConnector(conninfo=dsn, min_size=CONCURRENCY + 1, max_size=CONCURRENCY + 1))

    @app.task(name="notify")
    async def notify(**document: object) -> None:
        deliver(document)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(app.open_async())
    return lambda: loop.run_until_complete(
        app.run_worker_async(
            concurrency=CONCURRENCY, install_signal_handlers=False, fetch_job_polling_interval=0.05
        )
    )

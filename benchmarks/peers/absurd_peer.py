"""absurd: schema by absurdctl; tasks spawned by its SQL function, many a statement."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from absurd_sdk import Absurd
from psycopg.types.json import Jsonb

from benchmarks.peers.notification import batches, deliver

QUEUE = "bench"
BATCH_SIZE = 200


def set_up(dsn: str) -> None:
    """Its schema and the queue, by its own command."""
    control = str(Path(sys.executable).with_name("absurdctl"))
    for words in (["init"], ["create-queue", QUEUE]):
        subprocess.run([control, words[0], "--database", dsn, *words[1:]], check=True, stdout=sys.stderr)


def enqueuer(dsn: str) -> Callable[[int], None]:
    """One statement a batch over spawn_task: fewer round trips than the client's spawn."""
    connection = psycopg.connect(dsn, autocommit=True)

    def enqueue(count: int) -> None:
        for batch in batches(count):
            connection.execute(
                "select count(t.task_id) from unnest(%s) as p(document)"
                " cross join lateral absurd.spawn_task(%s, 'notify', p.document) as t",
                [[*map(Jsonb, batch)], QUEUE],
            )

    return enqueue


def worker(dsn: str) -> Callable[[], None]:
    """One claim for many tasks; they share one connection, so threads would only wait for it."""
    app = Absurd(dsn, queue_name=QUEUE)

    @app.register_task(name="notify")
    def notify(document: Any, _context: Any) -> None:
        deliver(document)

    return lambda: app.start_worker(concurrency=1, batch_size=BATCH_SIZE, poll_interval=0.01)

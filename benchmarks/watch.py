"""Looks from outside while the engine works: when messages came, memory and CPU of a process."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg

from benchmarks.place import Connection, Place


class _Watcher:
    """A thread that looks every so often until the end of its block."""

    seconds = 0.01

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self._error:
            raise self._error

    def look(self) -> None:
        """Look once."""
        raise NotImplementedError

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self.seconds):
                self.look()
        except Exception as error:  # noqa: BLE001 - raised at the end of the block
            self._error = error


class Arrivals(_Watcher):
    """When the messages to person<number>@example.com were first seen in the outbox, by number.

    They stand in the lane urgent, the crowd's in the lane bulk. Of two workers one may commit lower ids after
    the other's higher ones, so each look goes over the newest few again.
    """

    _LOOK = """
        select m.message_id, substring(m.recipient, '\\d+')::int
        from (select q.msg_id, (q.message ->> 'created_at')::timestamptz as created_at
          from pgmq.q_dreamlit_email_urgent as q order by q.msg_id desc limit 300) as q
        join dreamlit._messages as m on m.message_id = q.msg_id and m.created_at = q.created_at
        where q.msg_id <> all (%s)"""

    def __init__(self, place: Place) -> None:
        self.seen: dict[int, float] = {}
        self._connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            place.superuser_dsn, autocommit=True
        )
        self._known: deque[int] = deque(maxlen=300)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._connection.close()

    def look(self) -> None:
        """Take note of what is new."""
        rows = self._connection.execute(self._LOOK, [list(self._known)], prepare=False).fetchall()
        now = time.perf_counter()
        for message_id, number in sorted(rows):
            self._known.append(message_id)
            self.seen.setdefault(number, now)


def crowd_in_outbox(connection: Connection) -> int:
    """Messages in the lane bulk; 0 while tasks are due that will bring more, for counting is slow."""
    row = connection.execute(
        "select case when not exists (select from dreamlit._tasks as t where t.due_at is not null"
        " and t.step_id in (select s.step_id from dreamlit._steps as s where s.settings ->> 'lane' = 'bulk'))"
        " then (select count(*) from pgmq.q_dreamlit_email_bulk) else 0 end"
    ).fetchone()
    return int(row[0]) if row else 0


class Memory(_Watcher):
    """The most memory of its own that a process had; shared buffers that it touched are not its own."""

    seconds = 0.005

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self.most_mb = 0.0

    def look(self) -> None:
        """Take note of what it has now."""
        self.most_mb = max(self.most_mb, _status_mb(self._status, "RssAnon"))

    @property
    def high_water_mb(self) -> float:
        """The kernel's own mark, VmHWM: with the shared buffers that it touched."""
        return _status_mb(self._status, "VmHWM")


def _status_mb(path: Path, name: str) -> float:
    for line in path.read_text("ascii", "replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """What a process has spent in user and kernel mode; its children do not count."""
    # The name in brackets may hold spaces: the numbers begin after it.
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def await_true(happened: Callable[[], object], what: str, *, patience: float = 900) -> None:
    """Return once it happened; raises AssertionError with what it was if it never does."""
    until = time.monotonic() + patience
    while not happened():
        if time.monotonic() > until:
            raise AssertionError(f"it did not happen: {what}")
        time.sleep(0.02)

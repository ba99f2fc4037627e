"""Looks from outside while the engine works: when messages came, memory and CPU of a process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg

from benchmarks.place import Place


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
    """When the messages to person<number>@example.com were first seen in the log of messages, by number.

    `others` counts all further ones, `last_other` is when the newest was seen. One worker gives ids in the
    order of its commits, so that only what is newer than the newest seen is read.
    """

    def __init__(self, place: Place) -> None:
        self.seen: dict[int, float] = {}
        self.others = 0
        self.last_other = 0.0
        self._connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            place.superuser_dsn, autocommit=True
        )
        self._newest = 0

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._connection.close()

    def look(self) -> None:
        """Take note of what is new."""
        row = self._connection.execute(
            "select max(m.message_id), count(*) filter (where m.recipient not like 'person%%'),"
            " array_agg(substring(m.recipient, '\\d+')::int) filter (where m.recipient like 'person%%')"
            " from dreamlit._messages as m where m.message_id > %s",
            [self._newest],
        ).fetchone()
        now = time.perf_counter()
        if row and row[0]:
            self._newest = row[0]
            self.others += row[1]
            self.last_other = now if row[1] else self.last_other
            self.seen.update(dict.fromkeys(row[2] or (), now))


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

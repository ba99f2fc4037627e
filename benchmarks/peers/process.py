"""What a bench does with a peer: set up, enqueue, work, tear down; the peer's code runs in other processes.

A child speaks lines: it says `ready`, then answers each `enqueue N` with `enqueued SECONDS`; a worker that is
told `go` says `did K` whenever it has handed over more, and ends when its input is closed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from dreamlit_pg.errors import DreamlitError

ROOT = Path(__file__).parents[2]
GRAPHILE = Path(__file__).parent / "graphile"
PATIENCE = 600
"""Seconds after which work that is not done counts as never done."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A peer as the bench knows it.

    open        SQL, whether anything is still open: the round is over when the database itself says so
    keeps       what it keeps of what is done
    most        notifications a round: less than the engine's for those that would take minutes
    processes   worker processes; all of them scale by starting more, and the machine has two cores
    """

    name: str
    package: str
    open: str
    keeps: str
    most: int = 20_000
    processes: int = 2

    @property
    def version(self) -> str | None:
        """The installed version, or None where it (or Node) is missing."""
        if self.package == "graphile-worker":
            return _npm_version(self.package)
        with contextlib.suppress(PackageNotFoundError):
            return version(self.package)
        return None

    def command(self, role: str) -> list[str]:
        """The child process of a role."""
        if self.package == "graphile-worker":
            return ["node", str(GRAPHILE / "peer.mjs"), role]
        return [sys.executable, "-m", "benchmarks.peers.child", self.name, role]


def _npm_version(package: str) -> str | None:
    found = GRAPHILE / "node_modules" / package / "package.json"
    if shutil.which("node") is None or not found.is_file():
        return None
    import json

    return str(json.loads(found.read_text("utf-8"))["version"])


class Peer:
    """One peer on one database."""

    def __init__(self, kind: Kind, log: Path) -> None:
        self.kind = kind
        self._log = log
        self._dsn = ""
        self._enqueuer: Child | None = None
        self._workers: Sequence[Child] = ()

    def set_up(self, dsn: str) -> None:
        """Make its schema; start its processes, connected and warm."""
        self._dsn = dsn
        with self._child("set-up") as child:
            child.expect("ready")
        self._enqueuer = self._child("enqueue")
        self._workers = [self._child("work") for _ in range(self.kind.processes)]
        for child in (self._enqueuer, *self._workers):
            child.expect("ready")

    def enqueue(self, count: int) -> float:
        """Seconds until so many jobs are committed."""
        assert self._enqueuer is not None
        self._enqueuer.say(f"enqueue {count}")
        return float(self._enqueuer.expect("enqueued"))

    def work(self, count: int) -> float:
        """Seconds until all were handed over and the database says that none is open."""
        with psycopg.connect(self._dsn, autocommit=True) as watcher:
            started = time.perf_counter()
            for worker in self._workers:
                worker.say("go")
            self._await(lambda: sum(worker.did for worker in self._workers) >= count)
            self._await(lambda: not _scalar(watcher, self.kind.open))
            seconds = time.perf_counter() - started
        did = sum(worker.did for worker in self._workers)
        if did != count:
            raise AssertionError(f"{self.kind.name}: {count} jobs became {did} notifications")
        return seconds

    def tear_down(self) -> None:
        """End its processes."""
        for child in (*self._workers, *([self._enqueuer] if self._enqueuer else [])):
            child.close()

    def _child(self, role: str) -> Child:
        return Child(self.kind.command(role), self._log, self._dsn)

    def _await(self, happened: Any) -> None:
        until = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > until or any(worker.ended for worker in self._workers):
                end = self._log.read_text("utf-8", "replace")[-1500:]
                raise DreamlitError(f"{self.kind.name} does not finish; it said:\n{end}")
            time.sleep(0.002)


class Child:
    """A process that speaks lines; a thread reads what it says."""

    def __init__(self, command: Sequence[str], log: Path, dsn: str = "") -> None:
        self.did = 0
        self._log = log
        self._said: list[str] = []
        self._news = threading.Condition()
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"BENCH_DSN": dsn},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def say(self, line: str) -> None:
        """Tell it something."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def expect(self, word: str) -> str:
        """Wait for a line that begins with a word; returns the rest of it."""
        with self._news:
            if not self._news.wait_for(lambda: self._said, PATIENCE) or self._said[0].split(" ")[0] != word:
                end = self._log.read_text("utf-8", "replace")[-1500:]
                raise DreamlitError(f"no {word!r} but {self._said!r}; it said:\n{end}")
            return self._said.pop(0).partition(" ")[2]

    def close(self) -> None:
        """Close its input and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "did":
                self.did = int(rest)
                continue
            with self._news:
                self._said.append(line.strip())
                self._news.notify_all()
        with self._news:
            self._said.append("end")
            self._news.notify_all()


def _scalar(connection: psycopg.Connection[tuple[Any, ...]], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None

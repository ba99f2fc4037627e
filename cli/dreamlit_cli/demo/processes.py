"""Processes that outlive the command that started them, known by pid in a file beside their logs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dreamlit_pg.cluster import command_line
from dreamlit_pg.errors import DreamlitError

ENTRY = "from dreamlit_cli.main import main; main()"


class Processes:
    """The background processes of one folder, each of them a `dreamlit` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "processes.json"

    def start(self, name: str, words: Sequence[str], *, environment: Mapping[str, str] | None = None) -> int:
        """Start `dreamlit WORDS` in a session of its own; returns its pid. Its output goes to NAME.log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", ENTRY, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._write({**self._read(), name: process.pid})
        # For a moment a new process has no command line to be known by.
        while process.poll() is None and not _is_ours(process.pid):
            time.sleep(0.01)
        return process.pid

    def log(self, name: str) -> Path:
        """Where a process writes to."""
        return self.folder / f"{name}.log"

    def running(self) -> dict[str, int]:
        """The pids, by name, of those that run."""
        return {name: pid for name, pid in self._read().items() if _is_ours(pid)}

    def check(self) -> None:
        """Raise DreamlitError, with the end of its log, if one has ended by itself."""
        for name, pid in self._read().items():
            if not _is_ours(pid):
                end = self.log(name).read_text("utf-8", "replace").strip()[-1500:]
                raise DreamlitError(f"the {name} ended by itself:\n{end}", hint=f"see {self.log(name)}")

    def stop(self, *, seconds: float = 15) -> list[str]:
        """End them all, gently first; returns the names of those that ran."""
        running = self.running()
        for pid in running.values():
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in self.running().values():
            _signal(pid, signal.SIGKILL)
        self._file.unlink(missing_ok=True)
        return list(running)

    def _read(self) -> dict[str, int]:
        try:
            pids: dict[str, int] = json.loads(self._file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return pids

    def _write(self, pids: Mapping[str, int]) -> None:
        self._file.write_text(json.dumps(pids) + "\n", "utf-8")


def _is_ours(pid: int) -> bool:
    """Whether the pid is (still) a process of ours: numbers are used again."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return ENTRY in command_line(pid)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

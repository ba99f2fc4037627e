"""The engine as it runs: a worker session and `dreamlit sender` as a process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psycopg

from benchmarks.place import HOME, SENDER, Place
from benchmarks.sinks import Sink
from dreamlit_pg.errors import DreamlitError

PATIENCE = 60
ENTRY = "from dreamlit_cli.main import main; main()"


@contextlib.contextmanager
def working(place: Place) -> Iterator[int]:
    """What pg_cron does: a session that calls the worker over and over. Yields its backend's process id."""
    connection = psycopg.connect(place.superuser_dsn, autocommit=True)
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            with contextlib.suppress(psycopg.errors.QueryCanceled):
                connection.execute("call dreamlit.work(70)")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield connection.info.backend_pid
    finally:
        stopping.set()
        connection.cancel()
        thread.join()
        connection.close()


class Sender:
    """A `dreamlit sender` in a process of its own."""

    def __init__(self, place: Place, settings: dict[str, str]) -> None:
        HOME.mkdir(parents=True, exist_ok=True)
        self.log = HOME / "sender.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DREAMLIT_")},
            "DREAMLIT_DSN": place.dsn(SENDER),
            "DREAMLIT_FROM": "Bench <bench@example.com>",
            **settings,
        }
        with self.log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", ENTRY, "sender"],
                cwd=HOME,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace").strip()[-1500:]

    def stop(self) -> None:
        """End it as a service manager does."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def sending(place: Place, settings: dict[str, str]) -> Iterator[Sender]:
    """A sender with these settings, ended afterwards."""
    sender = Sender(place, settings)
    try:
        yield sender
    finally:
        sender.stop()


def smtp_settings(port: int, **settings: str) -> dict[str, str]:
    """For a sender that delivers to an SMTP server on loopback."""
    return {"DREAMLIT_SMTP_URL": f"smtp://127.0.0.1:{port}?starttls=never"} | settings


def await_accepted(sink: Sink, count: int, sender: Sender) -> dict[int, float]:
    """When the messages of so many different people were accepted, once they all are."""
    accepted: dict[int, float] = {}
    until = time.perf_counter() + PATIENCE
    while len(accepted) < count:
        accepted |= sink.news()
        if time.perf_counter() > until:
            raise DreamlitError(
                f"{len(accepted)} of {count} e-mails arrived; the sender said:\n{sender.said()}"
            )
        time.sleep(0.02)
    return accepted

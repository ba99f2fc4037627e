"""From the commit of a row to the acceptance of its e-mail by an SMTP server, under a steady load."""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from aiosmtpd.controller import Controller

from benchmarks.place import HOME, SENDER, Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.workflows import COLUMNS, paid
from dreamlit_pg.cluster import free_port
from dreamlit_pg.errors import DreamlitError

NAME = "latency"
ABOUT = (
    "one row a commit at an even pace, a worker session, one `dreamlit sender`, an SMTP server on loopback;"
    " from the return of the commit to the server's 250"
)
RATE = 50
SECONDS = 20
WARM_SECONDS = 3
PATIENCE = 30
ENTRY = "from dreamlit_cli.main import main; main()"
REACHES = {
    50: Reach(of="value", bound="at most", limit=200),
    99: Reach(of="value", bound="at most", limit=1000),
}


def run(place: Place, scale: float = 1) -> Result:
    """Measure p50, p99 and the slowest, in milliseconds."""
    with place.connect() as connection:
        connection.execute(f"create table app.orders ({COLUMNS})")
    place.publish(paid("app.orders"))
    with _sink() as sink, _worker(place), _sender(place, sink.port) as log:
        _write(place, first=1, count=RATE * WARM_SECONDS)
        _await(sink, RATE * WARM_SECONDS, log)
        first = RATE * WARM_SECONDS + 1
        committed = _write(place, first=first, count=max(RATE, round(RATE * SECONDS * scale)))
        _await(sink, first - 1 + len(committed), log)
    samples = sorted((sink.accepted[number] - at) * 1000 for number, at in committed.items())
    spread = [round(_percentile(samples, percent), 2) for percent in range(1, 101)]
    figures = [
        Figure(what=f"p{p} at {RATE} events/s", value=_percentile(samples, p), unit="ms", reaches=[reach])
        for p, reach in REACHES.items()
    ]
    figures.append(Figure(what=f"slowest of {len(samples)}", value=samples[-1], unit="ms"))
    return Result(bench=NAME, about=ABOUT, figures=figures, samples={"milliseconds, p1 to p100": spread})


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def _write(place: Place, *, first: int, count: int) -> dict[int, float]:
    """Insert rows at an even pace; returns when each commit came back."""
    committed = {}
    with place.connect() as connection:
        begun = time.perf_counter()
        for index in range(count):
            time.sleep(max(0.0, begun + index / RATE - time.perf_counter()))
            number = first + index
            connection.execute(
                "insert into app.orders (name, email, amount) values ('Person', %s, 9.99)",
                [f"person{number}@example.com"],
            )
            committed[number] = time.perf_counter()
    return committed


class _Sink:
    """An SMTP server that notes when it has accepted which person's message."""

    def __init__(self) -> None:
        self.accepted: dict[int, float] = {}
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        for recipient in envelope.rcpt_tos:
            found = re.fullmatch(r"person(\d+)@example\.com", recipient)
            if found:
                self.accepted.setdefault(int(found[1]), time.perf_counter())
        return "250 accepted"


@contextlib.contextmanager
def _sink() -> Iterator[_Sink]:
    sink = _Sink()
    sink.port = free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


@contextlib.contextmanager
def _worker(place: Place) -> Iterator[None]:
    """What pg_cron does: a session that calls the worker over and over."""
    connection = psycopg.connect(place.superuser_dsn, autocommit=True)
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            with contextlib.suppress(psycopg.errors.QueryCanceled):
                connection.execute("call dreamlit.work(70)")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        connection.cancel()
        thread.join()
        connection.close()


@contextlib.contextmanager
def _sender(place: Place, port: int) -> Iterator[Path]:
    """A `dreamlit sender` of its own process; yields its log."""
    log = HOME / "sender.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DREAMLIT_")},
        "DREAMLIT_DSN": place.dsn(SENDER),
        "DREAMLIT_SMTP_URL": f"smtp://127.0.0.1:{port}?starttls=never",
        "DREAMLIT_FROM": "Bench <bench@example.com>",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", ENTRY, "sender"],
            cwd=HOME,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(sink: _Sink, count: int, log: Path) -> None:
    until = time.perf_counter() + PATIENCE
    while len(sink.accepted) < count:
        if time.perf_counter() > until:
            end = log.read_text("utf-8", "replace").strip()[-1500:]
            raise DreamlitError(f"{len(sink.accepted)} of {count} e-mails arrived; the sender said:\n{end}")
        time.sleep(0.02)

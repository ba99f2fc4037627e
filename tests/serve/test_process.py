"""`dreamlit serve` as a process, and a sender that serves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.helpers import value, wait_until
from tests.serve.conftest import LINK_SECRET, link

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import DsnOf
    from tests.helpers import Connection

ENTRY = [sys.executable, "-c", "from dreamlit_cli.main import main; main()"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def process(log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        environ = {**os.environ, "DREAMLIT_LINK_SECRET": LINK_SECRET}
        started = subprocess.Popen([*ENTRY, *words], stdout=output, stderr=output, env=environ)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.wait(30)


@pytest.mark.parametrize("command", ["serve", "sender"])
def test_links_are_answered_until_the_process_is_told_to_stop(
    dsn_of: DsnOf, superuser: Connection, message_id: int, tmp_path: Path, command: str
) -> None:
    port, log = free_port(), tmp_path / "log"
    words = (
        ["serve", "--port", str(port)]
        if command == "serve"
        else ["sender", "--console", "--serve", f"127.0.0.1:{port}"]
    )
    with process(log, "--dsn", dsn_of("sender"), *words) as running:
        wait_until(lambda: answers(port))
        path = link("click", message_id, url="https://example.com/")
        assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 302
        unsubscribed = httpx.post(
            f"http://127.0.0.1:{port}{link('unsubscribe', message_id)}", data={"confirm": "yes"}
        )
        assert unsubscribed.status_code == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert value(superuser, "select count(*) from dreamlit.engagement where kind = 'clicked'") == 1
    # Tokens are as good as the links themselves.
    assert path.rpartition("/")[2] not in log.read_text("utf-8")


@pytest.mark.parametrize("command", ["serve", "sender"])
def test_an_address_that_is_taken_is_one_line_and_a_failure(
    dsn_of: DsnOf, tmp_path: Path, command: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port, log = taken.getsockname()[1], tmp_path / "log"
        words = (
            ["serve", "--port", str(port)]
            if command == "serve"
            else ["sender", "--console", "--serve", f"127.0.0.1:{port}"]
        )
        with process(log, "--dsn", dsn_of("sender"), *words) as running:
            assert running.wait(30) == 1
    text = log.read_text("utf-8")
    assert f"error: 127.0.0.1:{port} cannot be listened on" in text
    assert "Traceback" not in text

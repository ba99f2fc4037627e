"""`dreamlit serve` as a process, and a sender that serves."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import add_user, value, wait_until, work
from tests.serve.conftest import LINK_SECRET, link

from dreamlit_sender.links import UNSUBSCRIBE_PLACEHOLDER

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


def test_one_click_in_a_delivered_email_stops_the_next_one_of_its_topic(
    dsn_of: DsnOf, admin: Connection, app: Connection, superuser: Connection, message_id: int, tmp_path: Path
) -> None:
    port = free_port()
    admin.execute("select dreamlit.set_topic('news', 'News')")
    admin.execute("select dreamlit.set_setting('public_url', %s)", [Jsonb(f"http://127.0.0.1:{port}")])
    words = ["--dsn", dsn_of("sender"), "sender", "--console", "--serve", f"127.0.0.1:{port}"]
    give_topic(superuser)
    with process(tmp_path / "first", *words) as running:
        wait_until(lambda: value(superuser, "select state = 'sent' from dreamlit.messages"))
        wait_until(lambda: answers(port))
        printed = (tmp_path / "first").read_text("utf-8")
        found = re.search(r"<(http://127\.0\.0\.1:\d+/u/[\w.-]+)>", printed)
        assert found is not None, printed
        assert "List-Unsubscribe=One-Click" in printed
        assert f"Stop: {found[1]}" in printed
        assert httpx.post(found[1], data={"List-Unsubscribe": "One-Click"}).status_code == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    add_user(app)
    work(superuser, 3)
    give_topic(superuser)
    with process(tmp_path / "second", *words):
        wait_until(lambda: value(superuser, "select bool_and(state <> 'queued') from dreamlit.messages"))
    states = "select array_agg(state order by message_id) from dreamlit.messages"
    assert value(superuser, states) == ["sent", "suppressed"]


def give_topic(superuser: Connection) -> None:
    superuser.execute(
        "update dreamlit._messages set content = content || jsonb_build_object('topic', 'news', 'text', %s::text)"
        " where state = 'queued'",
        [f"Stop: {UNSUBSCRIBE_PLACEHOLDER}"],
    )

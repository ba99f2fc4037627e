"""`dreamlit demo` and `dreamlit inbox` as people run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.helpers import wait_until

ENTRY = [sys.executable, "-c", "from dreamlit_cli.main import main; main()"]


@pytest.mark.slow
def test_the_demo_plays_from_rows_to_an_inbox_and_stops(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DREAMLIT")}
    words = [*ENTRY, "demo", "--folder", str(folder)]
    try:
        played = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert played.returncode == 0, played.stderr
        assert "7 done" in played.stdout
        assert "18 sent" in played.stdout
        assert len(list((folder / "inbox").glob("*.eml"))) == 13
    finally:
        stopped = subprocess.run(
            [*words, "--stop"], env=environment, capture_output=True, text=True, check=False
        )
    assert stopped.stdout.strip() == "stopped"
    again = subprocess.run([*words, "--stop"], env=environment, capture_output=True, text=True, check=False)
    assert again.stdout.strip() == "nothing was running"


def test_an_inbox_says_where_it_listens_and_ends_with_a_signal(tmp_path: Path) -> None:
    words = [*ENTRY, "inbox", "--folder", str(tmp_path / "inbox"), "--smtp-port", "0", "--http-port", "0"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdout=output, stderr=output, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    try:
        wait_until(lambda: b"DREAMLIT_SLACK_WEBHOOK_URL=" in log.read_bytes())
        settings = dict(line.split("=", 1) for line in log.read_text("utf-8").splitlines() if "=" in line)
        request = urllib.request.Request(
            settings["DREAMLIT_SLACK_WEBHOOK_URL"], b'{"text": "hello"}', {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.read() == b"ok"
        wait_until(lambda: b"hello" in log.read_bytes())
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0

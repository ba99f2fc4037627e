"""`dreamlit sender` and `dreamlit inbox` as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Run
from tests.conftest import DsnOf
from tests.helpers import Connection, value, wait_until

ENTRY = [sys.executable, "-c", "from dreamlit_cli.main import main; main()"]


def test_a_sender_to_the_console_prints_and_reports(
    run: Run, one_run: int, dsn_of: DsnOf, superuser: Connection, tmp_path: Path
) -> None:
    log = tmp_path / "sender.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*ENTRY, "--dsn", dsn_of("sender"), "sender", "--console", "--json-logs"],
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: value(superuser, "select state = 'sent' from dreamlit.messages"))
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "Hello [Ann]" in log.read_text("utf-8")


def test_a_sender_without_a_database_says_so(tmp_path: Path) -> None:
    environment = {key: item for key, item in os.environ.items() if not key.startswith(("DREAMLIT", "PG"))}
    done = subprocess.run(
        [*ENTRY, "sender"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr

"""What the demo shows: the story, runs that move and messages that arrive, and a summary."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dreamlit_cli.demo import story
from dreamlit_cli.demo.stage import APPLICATION, DATABASE, OWNER, Stage
from dreamlit_cli.output import make_table
from dreamlit_pg.errors import DreamlitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamlit_cli.demo.inbox import Message

EXPECTED_RUNS = 7
"""Four sign-ups with an address, two comments, one failed payment."""

LOOK = "select * from dreamlit.runs;   -- or .messages, .tasks, .health"

ENDED = ("done", "succeeded", "failed", "cancelled")
RUN_COLUMNS = {"workflow": "workflow", "run": "run", "state": "state", "doing": "doing"}

Row = dict[str, Any]


def show(stage: Stage, console: Console, *, pause: float = 0.8, patience: float = 60) -> None:
    """Play the story and show what comes of it until every run has ended.

    Raises DreamlitError when the sender or the inbox ends by itself, or when runs are still open `patience`
    seconds after the story's end.
    """
    teller = _Teller(stage.dsn(APPLICATION), pause=pause)
    display = _Screen(console) if console.is_terminal else _Log(console)
    deadline = float("inf")
    with psycopg.connect(stage.dsn(OWNER), autocommit=True, row_factory=dict_row) as connection, display:
        teller.start()
        while True:
            over = not teller.is_alive()
            runs = _runs(connection)
            display.update(teller.lines, runs, stage.messages())
            teller.check()
            stage.processes.check()
            if over and _is_over(connection, runs):
                return
            if over:
                deadline = min(deadline, time.monotonic() + patience)
            if time.monotonic() > deadline:
                raise DreamlitError(
                    "not every run has ended in time", hint=f"look around: {stage.cluster.psql(DATABASE)}"
                )
            time.sleep(0.25)


class _Teller(threading.Thread):
    """Plays the story beside the display."""

    def __init__(self, dsn: str, *, pause: float) -> None:
        super().__init__(name="story", daemon=True)
        self.lines: list[str] = []
        self._dsn = dsn
        self._pause = pause
        self._error: psycopg.Error | None = None

    def run(self) -> None:
        try:
            story.play(self._dsn, pause=self._pause, tell=self.lines.append)
        except psycopg.Error as error:
            self._error = error

    def check(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error


class _Screen:
    """A picture that changes in its place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="visible")

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, lines: Sequence[str], runs: Sequence[Row], messages: Sequence[Message]) -> None:
        self._live.update(_picture(lines, runs, messages), refresh=True)


class _Log:
    """The same as lines, where the output is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = self._arrived = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, lines: Sequence[str], _runs: Sequence[Row], messages: Sequence[Message]) -> None:
        for line in lines[self._told :]:
            self._print(f"▸ {line}")
        for message in messages[self._arrived :]:
            self._print(f"    {message.channel} to {message.to}: {message.subject}")
        self._told, self._arrived = len(lines), len(messages)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


def summarise(stage: Stage, console: Console) -> None:
    """What the story came to, where the messages lie, and how to look around."""
    with psycopg.connect(stage.dsn(OWNER), autocommit=True, row_factory=dict_row) as connection:
        runs, messages = _runs(connection), _read(connection, "dreamlit.messages")
    arrived = stage.messages()
    if not console.is_terminal:
        console.print()
        console.print(_table_of_runs(runs))
    console.print()
    facts = {
        "Runs": _count(runs),
        "Messages": _count(messages),
        "Arrived": f"{len(arrived)}, as files in {stage.inbox}",
        "Read them": (stage.folder / "inbox.url").read_text("utf-8").strip(),
        "Look around": f"{stage.cluster.psql(DATABASE)}\n{LOOK}",
        "End it": "make demo-stop" if "MAKELEVEL" in os.environ else "dreamlit demo --stop",
    }
    for label, fact in facts.items():
        line = fact.replace("\n", "\n" + " " * 13)
        console.print(Text.assemble((f"{label:<13}", "dim"), line), soft_wrap=True)


def _picture(lines: Sequence[str], runs: Sequence[Row], messages: Sequence[Message]) -> Group:
    told: list[Text | Table] = [Text(f"  {line}", style="dim") for line in lines[-4:-1]]
    told += [Text(f"▸ {line}", style="bold") for line in lines[-1:]]
    return Group(*told, Text(), _table_of_runs(runs), Text(), _table_of_messages(messages))


def _table_of_runs(runs: Sequence[Row]) -> Table:
    """A line a run: what it is doing or waiting for, or how it failed."""
    shown = [
        {
            "workflow": row["workflow"],
            "run": _id(row),
            "state": row["state"],
            "doing": row.get("doing") or row.get("waiting_for") or row.get("last_error"),
        }
        for row in runs
    ]
    return make_table(shown, columns=RUN_COLUMNS, title=f"Runs: {_count(runs)}")


def _table_of_messages(messages: Sequence[Message]) -> Table:
    shown = [
        {
            "at": f"{message.at.astimezone():%H:%M:%S}",
            "by": message.channel,
            "to": message.to,
            "what": message.subject,
        }
        for message in messages[-14:]
    ]
    columns = {"at": "at", "by": "by", "to": "to", "what": "what"}
    return make_table(shown, columns=columns, title=f"Inbox: {len(messages)}")


def _is_over(connection: psycopg.Connection[Row], runs: Sequence[Row]) -> bool:
    if len(runs) < EXPECTED_RUNS or any(row["state"] not in ENDED for row in runs):
        return False
    return all(row["state"] not in ("queued", "sending") for row in _read(connection, "dreamlit.messages"))


def _id(row: Row) -> int:
    return int(row.get("run_id") or row["id"])


def _runs(connection: psycopg.Connection[Row]) -> list[Row]:
    return sorted(_read(connection, "dreamlit.runs"), key=_id)


def _read(connection: psycopg.Connection[Row], view: str) -> list[Row]:
    return connection.execute(f"select * from {view}".encode()).fetchall()  # noqa: S608 - names of ours


def _count(rows: Sequence[Row]) -> str:
    states = Counter(row["state"] for row in rows)
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "none yet"

"""What capture costs one statement of many rows: INSERT and COPY, against a table without a trigger."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.extent import Extent
from benchmarks.place import Connection, Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.workflows import COLUMNS, ROW, paid

NAME = "capture-bulk"
ABOUT = "one statement of 200,000 rows, all of them matching, in turns with the same table without a trigger"
ROWS = 200_000
REACH = Reach(of="ratio", bound="at most", limit=2.5)


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes both ways and both tables in turn, into emptied tables."""
    rows = extent.of(ROWS, least=1000)
    with place.connect() as connection:
        for table in ("app.bare", "app.watched"):
            connection.execute(f"create table {table} ({COLUMNS})")
    place.publish(paid("app.watched", when="new.email is not null"))
    with place.connect() as connection:
        lines = _lines(connection, rows)
        _insert(connection, "app.watched", 10)
        samples: dict[str, list[float]] = {}
        for _ in range(extent.rounds):
            for way, load in _ways(connection, rows, lines).items():
                for table in ("app.bare", "app.watched"):
                    _empty(place)
                    samples.setdefault(f"{way}, {table[4:]}", []).append(_seconds(load, table))
    figures = []
    for way in ("INSERT", "COPY"):
        bare, watched = (statistics.median(samples[f"{way}, {table}"]) for table in ("bare", "watched"))
        what = f"{way} of {rows:,} rows"
        ratio = watched / bare
        figures.append(
            Figure(what=what, value=watched, unit="s", baseline=bare, ratio=ratio, reaches=[REACH])
        )
    return Result(bench=NAME, about=ABOUT, figures=figures, samples=samples)


def _ways(connection: Connection, rows: int, lines: bytes) -> dict[str, Callable[[str], None]]:
    return {
        "INSERT": lambda table: _insert(connection, table, rows),
        "COPY": lambda table: _copy(connection, table, lines),
    }


def _insert(connection: Connection, table: str, rows: int) -> None:
    connection.execute(
        f"insert into {table} (name, email, amount, note) select {ROW} from generate_series(1, {rows}) as i"
    )


def _copy(connection: Connection, table: str, lines: bytes) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} (name, email, amount, note) from stdin") as copy,
    ):
        copy.write(lines)


def _lines(connection: Connection, rows: int) -> bytes:
    """The same rows as COPY reads them, made beforehand."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy (select {ROW} from generate_series(1, {rows}) as i) to stdout") as copy,
    ):
        return b"".join(bytes(block) for block in copy)


def _empty(place: Place) -> None:
    with place.connect(place.superuser_dsn) as connection:
        connection.execute("truncate app.bare, app.watched, pgmq.q_dreamlit_events")
        connection.execute("checkpoint")


def _seconds(load: Callable[[str], None], table: str) -> float:
    started = time.perf_counter()
    load(table)
    return time.perf_counter() - started

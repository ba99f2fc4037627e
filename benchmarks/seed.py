"""Many rows as the engine writes them: clones of one real row, by one INSERT a million."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from benchmarks.place import Connection

CHUNK = 1_000_000
HISTORY = ("_run_history", "_task_history", "_messages", "_attempts")


def clone_rows(
    connection: Connection, table: str, count: int, changes: Mapping[str, str], *, where: str = "true"
) -> None:
    """Insert copies of the newest row of a table; `changes` are expressions over i, from 1 to count."""
    columns = [
        row[0]
        for row in connection.execute(
            "select a.attname from pg_attribute as a where a.attrelid = ('dreamlit.' || %s)::regclass"
            " and a.attnum > 0 and not a.attisdropped order by a.attnum",
            [table],
        )
    ]
    values = ", ".join(changes.get(column, f"r.{column}") for column in columns)
    key = columns[0]
    # The row as it stands apart: what is inserted must not be read again.
    connection.execute(
        f"create temp table model as select * from dreamlit.{table} where {where} order by {key} desc limit 1"
    )
    for first in range(1, count + 1, CHUNK):
        last = min(first + CHUNK - 1, count)
        connection.execute(
            f"insert into dreamlit.{table} ({', '.join(columns)}) overriding system value"
            f" select {values} from model as r cross join generate_series({first}, {last}) as i"
        )
    connection.execute("drop table model")


def reserve(connection: Connection, sequence: str, count: int) -> int:
    """Take that many numbers of a sequence away; returns the last one before them."""
    row = connection.execute(f"select nextval('{sequence}')").fetchone()
    before = int(row[0]) if row else 0
    connection.execute(f"select setval('{sequence}', {before + count})")
    return before


def make_partition(connection: Connection, table: str, day: date) -> None:
    """A day's partition of a table of history, as the engine makes those of the days to come."""
    name = f"{table}_{day:%Y%m%d}"
    connection.execute("set role dreamlit_owner")
    connection.execute(f"create table dreamlit.{name} (like dreamlit.{table} including all)")
    next_day = date.fromordinal(day.toordinal() + 1)
    connection.execute(
        f"alter table dreamlit.{table} attach partition dreamlit.{name}"
        f" for values from ('{day} 00:00+00') to ('{next_day} 00:00+00')"
    )
    connection.execute("reset role")

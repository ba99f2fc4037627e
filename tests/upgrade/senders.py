"""A sender as release 0.1.0 speaks: its calls, word for word, on one connection that stays open."""

from __future__ import annotations

import json
from typing import Any

import psycopg


class OldSender:
    """claim with four arguments, tick with one, report with two."""

    def __init__(self, dsn: str, name: str = "old:1:abc") -> None:
        self._name = name
        self._connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)

    def claim(self, quantity: int) -> list[tuple[int, int]]:
        """The ids and attempts of what was claimed."""
        rows = self._connection.execute(
            "select message_id, attempt, content, templates,"
            " extract(epoch from lease_until - clock_timestamp())::float8"
            " from dreamlit.claim(%s::text, %s::text, %s::int, %s::interval)",
            ("email", self._name, quantity, None),
        )
        return [(row[0], row[1]) for row in rows]

    def report(self, claimed: list[tuple[int, int]], outcome: str, **more: Any) -> dict[int, str]:
        """The state of each message after the report."""
        results = [
            {"message_id": message, "attempt": attempt, "outcome": outcome, **more}
            for message, attempt in claimed
        ]
        rows = self._connection.execute(
            "select message_id, state from dreamlit.report(%s::text, %s::jsonb)",
            (self._name, json.dumps(results)),
        )
        return {row[0]: row[1] for row in rows}

    def tick(self) -> int:
        """How much moved."""
        row = self._connection.execute(
            "select moved, nap from dreamlit.tick(%s::text)", (self._name,)
        ).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

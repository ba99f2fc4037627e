"""People whose data is all over the place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.advance.conftest import Run, run, states
from tests.helpers import Connection, column, rows
from tests.outbox.conftest import Sender, me, other

__all__ = ["Erase", "Run", "Sender", "me", "other", "run", "states"]

Erase = Callable[..., dict[str, int]]
ADDRESS = "bob@x.com"


@pytest.fixture
def erase(admin: Connection) -> Erase:
    """Erases an address; returns what and how many."""

    def erase(address: str = ADDRESS) -> dict[str, int]:
        found = rows(admin, "select what, erased from dreamlit.erase_person(%s)", address)
        return {row["what"]: row["erased"] for row in found}

    return erase


def places(superuser: Connection, words: str = ADDRESS) -> list[str]:
    """The tables of the engine and its queues in which a row says the words, each column read as text."""
    tables = column(
        superuser,
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('dreamlit', 'pgmq', 'dreamlit_workflows') and c.relkind = 'r' order by 1",
    )
    assert len(tables) > 30
    return [
        table
        for table in tables
        if rows(superuser, f"select from {table} as t where t::text ilike %s", f"%{words}%")
    ]

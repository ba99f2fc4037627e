"""Troubles, and what the owner is told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.advance.conftest import Run, run
from tests.helpers import Connection, rows, value
from tests.outbox.conftest import Sender, me, other

__all__ = ["Look", "Run", "Sender", "me", "other", "run"]

Look = Callable[[], int]


@pytest.fixture
def told(admin: Connection) -> Connection:
    """An owner with an address and a channel."""
    admin.execute("select dreamlit.set_setting('alert_email', '\"ops@example.com\"')")
    admin.execute("select dreamlit.set_setting('alert_slack', '\"#ops\"')")
    return admin


@pytest.fixture
def look(superuser: Connection) -> Look:
    """Does the worker's chore at once; returns how many alerts were told."""

    def look() -> int:
        found: int = value(superuser, "select dreamlit._alert()")
        return found

    return look


def alerts(superuser: Connection) -> list[dict[str, Any]]:
    return rows(superuser, "select * from dreamlit.alerts order by alert_id")


def posted(superuser: Connection, channel: str = "email") -> list[dict[str, Any]]:
    """The contents of the alerts of a channel."""
    return [
        row["content"]
        for row in rows(
            superuser,
            "select content from dreamlit.messages where lane = 'alert' and channel = %s order by message_id",
            channel,
        )
    ]

"""Messages that wait in the outbox, and a sender to play."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, add_users, create_users, email, publish, rows, work, workflow

Post = Callable[..., None]


@pytest.fixture
def post(admin: Connection, app: Connection, superuser: Connection) -> Post:
    """Publishes a workflow of the steps (one email otherwise) and lets messages come to the outbox."""
    create_users(admin)

    def post(*steps: dict[str, object], users: int = 1) -> None:
        publish(admin, workflow(*(steps or (email(),))))
        add_users(app, users)
        work(superuser)

    return post


class Sender:
    """A sender by hand: claims and reports, one transaction each."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name

    def claim(
        self, quantity: int = 10, *, channel: str = "email", lease: str | None = None
    ) -> list[dict[str, Any]]:
        return rows(
            self.connection,
            "select * from dreamlit.claim(%s, %s, %s, %s::interval)",
            channel,
            self.name,
            quantity,
            lease,
        )

    def report(self, claimed: dict[str, Any], outcome: str, **more: object) -> str:
        """Report one outcome; returns the message's state."""
        (answer,) = self.report_all([claimed], outcome, **more)
        return str(answer["state"])

    def report_all(self, claimed: list[dict[str, Any]], outcome: str, **more: object) -> list[dict[str, Any]]:
        results = [
            {"message_id": row["message_id"], "attempt": row["attempt"], "outcome": outcome, **more}
            for row in claimed
        ]
        return rows(self.connection, "select * from dreamlit.report(%s, %s)", self.name, Jsonb(results))

    def deliver(self, claimed: dict[str, Any], outcome: str = "sent", **more: object) -> str:
        """Begin and end a delivery."""
        assert self.report(claimed, "started") == "sending"
        return self.report(claimed, outcome, **more)


@pytest.fixture
def me(sender: Connection) -> Sender:
    """The first sender."""
    return Sender(sender, "me")


@pytest.fixture
def other(connect: Callable[[str], Connection]) -> Sender:
    """A second one, in a session of its own."""
    return Sender(connect("sender"), "other")


def message(superuser: Connection) -> dict[str, Any]:
    """The only message."""
    (found,) = rows(superuser, "select * from dreamlit.messages")
    return found

"""Slack messages in the outbox, and a sender that posts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.helpers import Connection, create_users
from tests.outbox.conftest import Sender


@pytest.fixture
def me(sender: Connection) -> Sender:
    """A sender."""
    return Sender(sender, "me")


@pytest.fixture
def other(connect: Callable[[str], Connection]) -> Sender:
    """A second one."""
    return Sender(connect("sender"), "other")


@pytest.fixture
def users(admin: Connection) -> Connection:
    """The application's table, and who publishes on it."""
    create_users(admin)
    return admin


def step(name: str, after: str | None = None, **slack: Any) -> dict[str, Any]:
    """A Slack step."""
    found = {"id": name, "slack": {"text": "{{ trigger.name }}", **slack}}
    return found | ({"after": after} if after else {})

"""The application's table, for every test here."""

from __future__ import annotations

import pytest
from tests.helpers import Connection, create_users


@pytest.fixture(autouse=True)
def _users(admin: Connection) -> None:
    create_users(admin)

"""The application's table."""

from __future__ import annotations

import pytest
from tests.helpers import Connection, create_users


@pytest.fixture
def users(admin: Connection) -> None:
    create_users(admin)

"""Workflows that run up to a step, and the engine's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.helpers import Connection, add_users, column, create_users, publish, work, workflow

Run = Callable[..., None]


@pytest.fixture
def run(admin: Connection, app: Connection, superuser: Connection) -> Run:
    """Publishes a workflow of steps, inserts users, and lets the worker pass as often as there are steps."""
    create_users(admin)

    def run(
        *steps: Mapping[str, object], users: int = 1, passes: int | None = None, **trigger: object
    ) -> None:
        publish(admin, workflow(*steps, **trigger))
        add_users(app, users)
        work(superuser, passes if passes is not None else len(steps) + 1)

    return run


def states(superuser: Connection, step: str) -> list[str]:
    """The states of a step's tasks, in the order of their ids."""
    return column(superuser, "select state from dreamlit.tasks where step = %s order by task_id", step)

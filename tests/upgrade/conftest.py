from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from dreamlit_pg.cluster import Cluster

_numbers = count(1)


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Makes empty databases; takes them away at the end."""
    made: list[str] = []

    def empty_database() -> str:
        name = f"upgrade_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}"
        made.append(name)
        return cluster.create_database(name)

    yield empty_database
    for name in made:
        cluster.drop_database(name)

"""Capture as an application meets it: somebody who may write rows, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.helpers import Connection, publish, rows

Watch = Callable[..., None]
Events = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def watch(admin: Connection) -> Watch:
    """Publishes a workflow on a table; its one step reads what `uses` names, so that this is captured."""

    def watch(
        table: str, on: str | list[str] = "insert", *, uses: str = "1 as one", name: str = "w", **trigger: Any
    ) -> None:
        publish(
            admin,
            {
                "workflow": name,
                "trigger": {"table": table, "on": on, **trigger},
                "steps": [{"id": "look", "query": f"select {uses}"}],
            },
        )

    return watch


@pytest.fixture
def events(superuser: Connection) -> Events:
    """What waits in the queue, in order: operation and payload's parts."""

    def events(workflow: str = "w") -> list[dict[str, Any]]:
        return rows(
            superuser,
            """select q.message ->> 'operation' as operation, e.value -> 'trigger' as trigger, e.value -> 'old' as old,
                 e.value ->> 'key' as key, e.value -> 'error' as error
               from pgmq.q_dreamlit_events as q
               join dreamlit._versions as v on v.version_id = (q.message -> 'version')::bigint
               join dreamlit._workflows as w on w.workflow_id = v.workflow_id
               cross join lateral jsonb_array_elements(q.message -> 'events') with ordinality as e(value, n)
               where w.name = %s order by q.msg_id, e.n""",
            workflow,
        )

    return events

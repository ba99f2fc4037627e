"""Transactions of the application that are open while workflows are published over them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.helpers import Connection, add_user, column, email, publish, value, wait_for_lock, work, workflow

from .conftest import Run

QUERY = {"id": "again", "query": "select trigger.name as name"}


def test_an_event_committed_after_its_version_was_replaced_still_runs_on_it(
    run: Run, connect, admin: Connection, superuser: Connection
) -> None:
    """Nobody can see that the old version has an event, until the application commits."""
    run(QUERY, email(), users=0)
    late = connect("app", autocommit=False)
    add_user(late)
    publish(admin, workflow(QUERY, email("other")))
    superuser.execute("update dreamlit._chores set due_at = '-infinity'")
    for _ in range(10):
        superuser.execute("select dreamlit._housekeep()")
    late.commit()
    work(superuser, 4)
    assert column(superuser, "select state from dreamlit.tasks where step <> 'trigger' order by task_id") == ["done", "sending"]

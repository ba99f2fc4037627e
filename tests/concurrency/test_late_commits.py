"""Transactions of the application that are open while workflows are published over them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.helpers import (
    Connection,
    add_user,
    column,
    create_users,
    email,
    publish,
    value,
    wait_for_lock,
    wait_until,
    work,
    workflow,
)

from .conftest import Run

Connect = Callable[..., Connection]
QUERY = {"id": "again", "query": "select trigger.name as name"}


def _housekeep(superuser: Connection) -> None:
    superuser.execute("update dreamlit._chores set due_at = '-infinity'")
    for _ in range(value(superuser, "select count(*) from dreamlit._chores")):
        superuser.execute("select dreamlit._housekeep()")


def test_an_event_committed_after_its_version_was_replaced_still_runs_on_it(
    run: Run, connect: Connect, admin: Connection, superuser: Connection
) -> None:
    """Until the application commits nobody can see that the old version has an event."""
    run(QUERY, email(), users=0)
    late = connect("app", autocommit=False)
    add_user(late)
    publish(admin, workflow(QUERY, email("other")))
    for _ in range(3):
        _housekeep(superuser)
    late.commit()
    work(superuser, 4)
    assert column(superuser, "select step || ' ' || state from dreamlit.tasks order by task_id") == [
        "again done",
        "tell sending",
    ]


def test_a_replaced_version_goes_when_the_transactions_of_its_time_have_ended(
    run: Run, connect: Connect, admin: Connection, superuser: Connection
) -> None:
    run(QUERY, email(), users=0)
    compiled = "select compiled from dreamlit._versions order by version"
    late = connect("app", autocommit=False)
    add_user(late)
    publish(admin, workflow(QUERY, email("other")))
    late.rollback()
    wait_until(lambda: _housekeep(superuser) or column(superuser, compiled) == [False, True])


def test_a_workflow_that_moves_to_another_table_never_costs_an_application_its_transaction(
    connect: Connect, admin: Connection, superuser: Connection
) -> None:
    """The publisher needs the locks of both tables; the application has one and wants the other."""
    create_users(admin)
    admin.execute("create table public.others (like public.users including all)")
    publish(admin, workflow(email()))
    app = connect("app", autocommit=False)
    app.execute("insert into public.others (name) values ('ann')")
    with ThreadPoolExecutor(2) as pool:
        moving = pool.submit(publish, admin, workflow(email(), table="public.others"))
        wait_for_lock(superuser, admin)  # behind the application, having locked public.users
        add_user(app)
        app.commit()
        refused = moving.exception(timeout=30)
        assert refused is None or getattr(refused, "sqlstate", None) == "DL007"

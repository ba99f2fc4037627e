"""A run's event once more, from the beginning."""

from __future__ import annotations

import psycopg
import pytest
from tests.helpers import (
    Connection,
    column,
    email,
    let_unused_versions_go,
    publish,
    rows,
    shift_clock,
    value,
    work,
    workflow,
)

from .conftest import Run, Sender

NAP = {"id": "nap", "wait": "1 day"}


def rerun(connection: Connection, run_id: int = 1, version: int | None = None) -> int:
    found: int = value(connection, "select dreamlit.rerun(%s, %s)", run_id, version)
    return found


def _refused(
    connection: Connection, code: str, fact: str, run_id: int = 1, version: int | None = None
) -> None:
    with pytest.raises(psycopg.Error, match=fact) as caught:
        rerun(connection, run_id, version)
    assert caught.value.sqlstate == code
    assert caught.value.diag.message_hint


def test_the_event_starts_a_new_run_and_the_old_one_stays(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0])
    assert rerun(admin) == 2
    work(superuser, 2)
    assert rows(superuser, "select run_id, state from dreamlit.runs order by 1") == [
        {"run_id": 1, "state": "done"},
        {"run_id": 2, "state": "running"},
    ]
    assert column(superuser, "select recipient from dreamlit.messages") == ["user1@example.com"] * 2


def test_it_runs_on_the_published_version(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email())
    publish(admin, workflow(email("anew")))
    rerun(admin)
    work(superuser, 2)
    assert column(superuser, "select step from dreamlit.messages order by message_id") == ["tell", "anew"]
    assert column(superuser, "select version from dreamlit.runs order by run_id") == [1, 2]


def test_it_runs_on_a_version_that_is_named(run: Run, admin: Connection, superuser: Connection) -> None:
    run(NAP, email(), passes=1)
    publish(admin, workflow(email("anew")))
    rerun(admin, version=1)
    work(superuser, 1)
    assert column(superuser, "select version from dreamlit.runs order by run_id") == [1, 1]


def test_the_condition_of_the_trigger_is_not_asked_again(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run(email())
    publish(admin, workflow(email(), when="new.name = 'nobody'"))
    assert rerun(admin) == 2


def test_a_run_without_a_column_that_the_version_reads_is_refused(run: Run, admin: Connection) -> None:
    run(email())
    publish(admin, workflow({**email(), "if": "trigger.visits > 0"}))
    _refused(admin, "DL003", "version 2 of workflow hello reads visits, which run 1 did not capture")


def test_it_is_refused_while_the_key_is_open(run: Run, admin: Connection) -> None:
    run(NAP, passes=1, key="new.email")
    _refused(admin, "DL003", "has an open run with the key user1@example.com")


def test_the_key_is_asked_anew(run: Run, admin: Connection, superuser: Connection) -> None:
    run(NAP, email(), passes=1)
    publish(admin, workflow(NAP, email(), key="'k' || new.email"))
    rerun(admin)
    assert value(superuser, "select key from dreamlit.runs where run_id = 2") == "kuser1@example.com"


def test_a_retired_version_is_refused(run: Run, admin: Connection, superuser: Connection) -> None:
    run({**email(), "if": "false"})
    publish(admin, workflow(email("anew")))
    let_unused_versions_go(superuser)
    _refused(admin, "DL003", "version 1 of workflow hello has been retired", version=1)


def test_an_unknown_version_is_refused(run: Run, admin: Connection) -> None:
    run(email())
    _refused(admin, "DL002", "workflow hello has no version 7", version=7)


def test_an_unpublished_workflow_is_refused(run: Run, admin: Connection) -> None:
    run(email())
    admin.execute("select dreamlit.unpublish('hello')")
    _refused(admin, "DL003", "workflow hello is not published")


def test_an_unknown_run_is_refused(admin: Connection) -> None:
    _refused(admin, "DL002", "there is no run 1")


def test_a_run_that_was_erased_is_refused(run: Run, admin: Connection) -> None:
    run(email())
    admin.execute("select dreamlit.erase_person('user1@example.com')")
    _refused(admin, "DL003", "which run 1 did not capture")


def test_a_reader_may_not_rerun(run: Run, reader: Connection) -> None:
    run(email())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rerun(reader)


def test_an_update_is_rerun_with_its_old_row(
    run: Run, admin: Connection, app: Connection, superuser: Connection
) -> None:
    run(email(to="{{ old.email }}"), on="update")
    app.execute("update public.users set email = 'new@example.com', name = 'new'")
    work(superuser, 2)
    shift_clock(superuser, "1 minute")
    rerun(admin)
    work(superuser, 2)
    assert column(superuser, "select recipient from dreamlit.messages") == ["user1@example.com"] * 2

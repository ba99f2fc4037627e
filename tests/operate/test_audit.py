"""Who did what: every door writes its line."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.helpers import Connection, column, email, publish, rows, slack, value, work, workflow

from .conftest import Run, Sender

DOORS = {
    "select dreamlit.pause('hello')": ["pause"],
    "select dreamlit.unpublish('hello')": ["unpublish"],
    "select dreamlit.cancel_run(1)": ["cancel run"],
    "select * from dreamlit.cancel_runs('hello')": ["cancel run", "cancel run"],
    "select dreamlit.rerun(1)": ["rerun"],
    "select * from dreamlit.rerun_runs('hello', array['running'])": ["rerun runs"],
    "select dreamlit.set_sandbox('hello', true)": ["enter sandbox"],
    "select dreamlit.redirect('hello', 'me@example.com')": ["redirect"],
    "select dreamlit.suppress('user1@example.com', 'user1@example.com asked for it')": ["suppress"],
    "select dreamlit.set_topic('news', 'Write to news@example.com')": ["set topic"],
    "select dreamlit.set_preference('user1@example.com', null, false)": ["set preference"],
    "select dreamlit.erase_person('user1@example.com')": ["cancel run", "erase person"],
    "select dreamlit.set_setting('alert_email', '\"ops@example.com\"')": ["set setting"],
}


def _audit(superuser: Connection, action: str = "%") -> list[dict[str, object]]:
    return rows(
        superuser,
        "select actor, action, workflow_id, run_id, message_id, detail from dreamlit._audit_log"
        " where action like %s and action <> 'publish' order by at, action, run_id",
        action,
    )


@pytest.mark.parametrize("door", DOORS)
def test_a_door_writes_who_went_through_it(
    run: Run, admin: Connection, superuser: Connection, door: str
) -> None:
    run(email(), users=2)
    admin.execute(door.encode())
    found = _audit(superuser)
    assert [row["action"] for row in found] == DOORS[door]
    assert {row["actor"] for row in found} == {"tests_admin"}


@pytest.mark.parametrize("door", DOORS)
def test_no_address_is_written_down(run: Run, admin: Connection, superuser: Connection, door: str) -> None:
    run(email(), users=2)
    admin.execute(door.encode())
    assert value(superuser, "select count(*) from dreamlit._audit_log") > 1
    assert column(superuser, "select l::text from dreamlit._audit_log as l where l::text like '%@%'") == []


def test_publishing_says_which_version(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email())
    publish(admin, workflow(email("anew")))
    found = column(
        superuser, "select detail -> 'version' from dreamlit._audit_log where action = 'publish' order by at"
    )
    assert found == [1, 2]


def test_resuming_is_written_too(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email())
    admin.execute("select dreamlit.pause('hello')")
    admin.execute("select dreamlit.resume('hello')")
    assert [row["action"] for row in _audit(superuser)] == ["pause", "resume"]


def test_a_retry_names_its_run(run: Run, admin: Connection, me: Sender, superuser: Connection) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="recipient")
    admin.execute("select dreamlit.retry_run(1)")
    assert [(row["action"], row["run_id"]) for row in _audit(superuser)] == [("retry run", 1)]


@pytest.mark.parametrize("door", ["release", "discard"])
def test_a_held_message_that_is_settled_is_named(
    run: Run, admin: Connection, superuser: Connection, door: str
) -> None:
    run(email())
    admin.execute("select dreamlit.set_sandbox('hello', true)")
    admin.execute(f"select dreamlit.{door}(1)".encode())
    (found,) = _audit(superuser, door)
    assert (found["message_id"], found["detail"]["reason"]) == (1, "sandbox")  # type: ignore[index]


def test_what_is_rolled_back_was_not_done(run: Run, connect: Connect, superuser: Connection) -> None:
    run(email())
    session = connect("admin", autocommit=False)
    session.execute("select dreamlit.pause('hello')")
    session.rollback()
    assert _audit(superuser) == []


def test_a_dry_run_writes_nothing(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email())
    for call in ("retry_failed('hello'", "rerun_runs('hello', array['running']", "cancel_runs('hello'"):
        admin.execute(f"select * from dreamlit.{call}, dry_run => true)".encode())
    assert _audit(superuser) == []


def test_the_same_definition_again_writes_nothing(run: Run, admin: Connection, superuser: Connection) -> None:
    run(slack())
    admin.execute("select * from dreamlit.publish(%s)", [Jsonb(workflow(slack()))])
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit._audit_log where action = 'publish'") == 1

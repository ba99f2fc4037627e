"""Versions side by side: what state each is in, what differs, and the way back to an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    column,
    create_users,
    email,
    let_unused_versions_go,
    publish,
    rows,
    shift_clock,
    value,
    wait_until,
    work,
    workflow,
)

NAP = {"id": "nap", "wait": "3 days"}
FAILS = {"id": "rate", "query": "select 1 / (trigger.visits - 1) as n", "attempts": 1}


@pytest.fixture(autouse=True)
def users(admin: Connection) -> None:
    create_users(admin)


def _versions(connection: Connection) -> dict[int, str]:
    found = rows(connection, "select version, state from dreamlit.versions order by version")
    return {row["version"]: row["state"] for row in found}


def _rollback(connection: Connection, version: int, name: str = "hello") -> tuple[int, bool]:
    found = rows(connection, "select * from dreamlit.rollback(%s, %s)", name, version)[0]
    assert found["workflow"] == name
    return found["version"], found["changed"]


# The view


def test_a_replaced_version_drains_until_its_last_run_has_ended(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(NAP))
    add_user(app)
    work(superuser)
    publish(admin, workflow(NAP, email()))
    assert _versions(admin) == {1: "draining", 2: "published"}
    shift_clock(superuser, "4 days")
    work(superuser)
    let_unused_versions_go(superuser)
    assert _versions(admin) == {1: "retired", 2: "published"}


def test_an_event_in_the_queue_keeps_the_version_that_captured_it(admin: Connection, app: Connection) -> None:
    publish(admin, workflow(NAP))
    add_user(app)
    publish(admin, workflow(NAP, email()))
    assert rows(
        admin, "select version, state, open_runs, waiting_events from dreamlit.versions order by 1"
    ) == [
        {"version": 1, "state": "draining", "open_runs": 0, "waiting_events": 1},
        {"version": 2, "state": "published", "open_runs": 0, "waiting_events": 0},
    ]


def test_an_event_that_is_not_committed_yet_keeps_the_version_that_captured_it(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    publish(admin, workflow(NAP))
    writer = connect("app", autocommit=False)
    add_user(writer)
    publish(admin, workflow(NAP, email()))
    for _ in range(2):
        assert value(superuser, "select dreamlit._drop_unused_versions()") == 0
    assert _versions(admin) == {1: "retained", 2: "published"}
    writer.commit()
    for _ in range(2):
        assert value(superuser, "select dreamlit._drop_unused_versions()") == 0
    assert _versions(admin) == {1: "draining", 2: "published"}


def test_a_failed_run_keeps_its_version_for_a_retry(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(FAILS))
    add_user(app, visits=1)
    work(superuser, 2)
    publish(admin, workflow(NAP))
    found = rows(admin, "select state, open_runs, failed_runs from dreamlit.versions where version = 1")
    assert found == [{"state": "retained", "open_runs": 0, "failed_runs": 1}]
    shift_clock(superuser, "8 days")
    let_unused_versions_go(superuser)
    found = rows(admin, "select state, open_runs, failed_runs from dreamlit.versions where version = 1")
    assert found == [{"state": "retired", "open_runs": 0, "failed_runs": 0}]


def test_the_last_version_of_an_unpublished_workflow_drains_too(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(NAP))
    add_user(app)
    work(superuser)
    admin.execute("select dreamlit.unpublish('hello')")
    assert _versions(admin) == {1: "draining"}


def test_a_paused_workflow_is_published(admin: Connection) -> None:
    publish(admin, workflow(NAP))
    admin.execute("select dreamlit.pause('hello')")
    assert _versions(admin) == {1: "published"}


def test_a_reader_sees_who_published_what(admin: Connection, reader: Connection) -> None:
    publish(admin, workflow(NAP))
    found = rows(reader, "select workflow, publisher, definition from dreamlit.versions")
    assert found == [{"workflow": "hello", "publisher": "tests_admin", "definition": workflow(NAP)}]


# The doctor


def test_the_doctor_says_how_many_runs_are_on_which_old_version(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(NAP))
    add_user(app, "ann")
    add_user(app, "bob")
    work(superuser)
    publish(admin, workflow(NAP, email()))
    found = rows(admin, "select state, detail, mend from dreamlit.doctor() where name = 'version 1 of hello'")
    assert found == [
        {
            "state": "ok",
            "detail": "replaced, with 2 open runs",
            "mend": "select * from dreamlit.migrate_runs('hello', 1)",
        }
    ]


def test_the_doctor_warns_of_runs_whose_old_version_cannot_run(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create table public.friends (name text)")
    publish(admin, workflow(NAP, {"id": "friend", "query": "select f.name from public.friends as f"}))
    add_user(app)
    work(superuser)
    publish(admin, workflow(NAP))
    admin.execute("revoke select on public.friends from tests_admin")
    found = rows(admin, "select state, detail from dreamlit.doctor() where name = 'version 1 of hello'")
    assert found == [
        {
            "state": "warning",
            "detail": "replaced, with 1 open run: step friend cannot run: permission denied for table friends",
        }
    ]


def test_the_doctor_is_silent_about_old_versions_without_runs(admin: Connection) -> None:
    publish(admin, workflow(NAP))
    publish(admin, workflow(NAP, email()))
    assert column(admin, "select name from dreamlit.doctor() where name like 'version %%'") == []


# Differences


def _difference(
    connection: Connection, before: Mapping[str, object], after: Mapping[str, object]
) -> list[Any]:
    first, second = publish(connection, before), publish(connection, after)
    return [
        (row["place"], row["before"], row["after"])
        for row in rows(connection, "select * from dreamlit.version_diff('hello', %s, %s)", first, second)
    ]


def _with_subject(subject: str) -> dict[str, object]:
    return {"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": subject, "text": "Hello"}}


def test_a_changed_subject_is_one_place(admin: Connection) -> None:
    found = _difference(admin, workflow(_with_subject("Hi")), workflow(_with_subject("Hello")))
    assert found == [("steps[tell].email.subject", "Hi", "Hello")]


def test_a_step_in_between_changes_the_parent_of_the_next(admin: Connection) -> None:
    found = _difference(admin, workflow(email("a"), email("b")), workflow(email("a"), NAP, email("b")))
    assert found == [
        ("steps[b].after", "a", "nap"),
        ("steps[nap]", None, {"wait": "3 days", "after": "a"}),
    ]


def test_a_step_that_is_gone_has_no_after(admin: Connection) -> None:
    found = _difference(admin, workflow(email("a"), NAP), workflow(email("a")))
    assert found == [("steps[nap]", {"wait": "3 days", "after": "a"}, None)]


def test_branches_in_another_order_do_not_differ(admin: Connection) -> None:
    one, two = email("a", after="trigger"), email("b", after="trigger")
    assert _difference(admin, workflow(one, two), workflow(two, one)) == []


def test_a_list_is_compared_whole(admin: Connection) -> None:
    found = _difference(admin, workflow(email(), on=["insert"]), workflow(email(), on=["insert", "delete"]))
    assert found == [("trigger.on", ["insert"], ["insert", "delete"])]


def test_template_files_are_told_apart_by_name(admin: Connection) -> None:
    step = {"id": "tell", "email": {"to": "a@example.com", "subject": "Hi", "template": "greet.html"}}
    before = {**workflow(step), "files": {"greet.html": "<p>Hi</p>"}}
    after = {**workflow(step), "files": {"greet.html": "<p>Hello</p>"}}
    assert _difference(admin, before, after) == [("files[greet.html]", "<p>Hi</p>", "<p>Hello</p>")]


def test_a_version_does_not_differ_from_itself(admin: Connection) -> None:
    publish(admin, workflow(email()))
    assert rows(admin, "select * from dreamlit.version_diff('hello', 1, 1)") == []


def test_a_reader_may_compare_versions(admin: Connection, reader: Connection) -> None:
    publish(admin, workflow(NAP))
    publish(admin, workflow({**NAP, "wait": "4 days"}))
    found = column(reader, "select place from dreamlit.version_diff('hello', 1, 2)")
    assert found == ["steps[nap].wait"]


@pytest.mark.parametrize(
    "call", ["version_diff('hello', 1, 2)", "rollback('hello', 2)", "retire_version('hello', 2)"]
)
def test_a_version_that_never_was_is_named(admin: Connection, call: str) -> None:
    publish(admin, workflow(NAP))
    with pytest.raises(psycopg.Error) as raised:
        admin.execute(f"select * from dreamlit.{call}".encode())
    assert raised.value.sqlstate == "DL002"
    assert raised.value.diag.message_primary == "workflow hello has no version 2"
    assert raised.value.diag.message_hint == "look in dreamlit.versions"


# Back to an earlier one


def test_a_rollback_publishes_the_old_definition_as_a_new_version(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(_with_subject("Hi")))
    publish(admin, workflow(_with_subject("Oops")))
    assert _rollback(admin, 1) == (3, True)
    assert value(admin, "select definition from dreamlit.workflows") == workflow(_with_subject("Hi"))
    add_user(app)
    work(superuser, 2)
    assert column(admin, "select subject from dreamlit.messages") == ["Hi"]


def test_a_rollback_to_a_retired_version_compiles_it_anew(admin: Connection, superuser: Connection) -> None:
    publish(admin, workflow(NAP))
    publish(admin, workflow(email()))
    let_unused_versions_go(superuser)
    assert _versions(admin)[1] == "retired"
    assert _rollback(admin, 1) == (3, True)


def test_a_rollback_to_what_is_published_changes_nothing(admin: Connection) -> None:
    publish(admin, workflow(NAP))
    assert _rollback(admin, 1) == (1, False)


def test_names_mean_what_they_meant_when_the_version_was_published(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    for schema in ("here", "there"):
        admin.execute(f"create schema {schema}; create table {schema}.words (word text)".encode())
        admin.execute(f"insert into {schema}.words values ('{schema}')".encode())
    words = {"id": "words", "query": "select w.word from words as w"}
    text = {"id": "say", "slack": {"text": "{{ words.word }}"}}
    admin.execute("set search_path = here, public")
    publish(admin, workflow(words, text))
    admin.execute("set search_path = there, public")
    publish(admin, workflow(NAP))
    _rollback(admin, 1)
    add_user(app)
    work(superuser, 3)
    assert column(admin, "select content ->> 'text' from dreamlit.messages") == ["here"]


def test_a_rollback_runs_as_whoever_calls_it(admin: Connection, superuser: Connection) -> None:
    publish(admin, workflow(NAP))
    publish(admin, workflow(email()))
    with pytest.raises(psycopg.Error) as raised:
        _rollback(superuser, 1)
    assert raised.value.sqlstate == "DL003"
    assert "published by tests_admin" in str(raised.value.diag.message_primary)


def test_a_rollback_to_a_version_that_does_not_compile_any_more_names_the_fault(admin: Connection) -> None:
    publish(admin, workflow(email(), when="new.visits > 1"))
    publish(admin, workflow(NAP))
    admin.execute("alter table public.users rename column visits to calls")
    with pytest.raises(psycopg.Error) as raised:
        _rollback(admin, 1)
    assert raised.value.sqlstate == "DL001"
    assert "users has no column visits" in str(raised.value.diag.message_primary)


def test_where_senders_render_a_rollback_takes_the_stored_references(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    superuser.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    read = {"steps[0].email": [{"field": "text", "path": ["trigger", "name"]}]}
    publish(admin, {**workflow(email()), "references": read})
    publish(admin, workflow(NAP))
    _rollback(admin, 1)
    add_user(app, "ann")
    work(superuser)
    assert column(admin, "select payload #>> '{trigger,name}' from dreamlit.runs") == ["ann"]


def test_where_senders_render_a_version_of_an_earlier_release_is_to_be_published_from_its_file(
    admin: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    publish(admin, workflow(NAP))
    superuser.execute("update dreamlit._versions set template_references = null, search_path = null")
    superuser.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    with pytest.raises(psycopg.Error) as raised:
        _rollback(admin, 1)
    assert raised.value.sqlstate == "DL003"
    assert "dreamlit publish FILE" in str(raised.value.diag.message_hint)


def test_where_the_database_renders_a_version_of_an_earlier_release_is_read_again(
    admin: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    publish(admin, workflow(NAP))
    superuser.execute("update dreamlit._versions set template_references = null, search_path = null")
    assert _rollback(admin, 1) == (3, True)


# Retiring


def test_a_version_that_is_kept_for_failed_runs_can_be_retired(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(FAILS))
    add_user(app, visits=1)
    work(superuser, 2)
    publish(admin, workflow(NAP))
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        admin.execute("alter table public.users drop column visits")
    assert value(admin, "select dreamlit.retire_version('hello', 1)") == "marked"
    wait_until(lambda: value(admin, "select dreamlit.retire_version('hello', 1)") == "retired")
    assert _versions(admin) == {1: "retired", 2: "published"}
    admin.execute("alter table public.users drop column visits")


@pytest.mark.parametrize(("version", "state"), [(1, "draining"), (2, "published")])
def test_a_version_in_use_is_not_retired(
    admin: Connection, app: Connection, superuser: Connection, version: int, state: str
) -> None:
    publish(admin, workflow(NAP))
    add_user(app)
    work(superuser)
    publish(admin, workflow(email()))
    with pytest.raises(psycopg.Error) as raised:
        admin.execute("select dreamlit.retire_version('hello', %s)", [version])
    assert raised.value.sqlstate == "DL003"
    assert f"version {version} of hello is {state}" in str(raised.value.diag.message_primary)


# What stands behind a name


def test_each_compiled_object_names_its_version_and_place(admin: Connection) -> None:
    publish(admin, workflow(email(**{"if": "trigger.visits > 1"}), when="new.name is not null"))
    found = rows(
        admin,
        "select object, workflow, version, state, place from dreamlit.compiled_objects()"
        " where object in ('dreamlit_workflows.hello_v1_tell_if', 'dreamlit_workflows.hello_v1_when', 'dreamlit_hello_insert')"
        " order by object",
    )
    assert [(row["object"], row["place"]) for row in found] == [
        ("dreamlit_hello_insert", "trigger"),
        ("dreamlit_workflows.hello_v1_tell_if", "steps[tell].if"),
        ("dreamlit_workflows.hello_v1_when", "trigger.when"),
    ]
    assert {(row["workflow"], row["version"], row["state"]) for row in found} == {("hello", 1, "published")}


def test_a_compiled_object_tells_the_columns_that_it_reads_under_todays_names(admin: Connection) -> None:
    publish(admin, workflow(email()))
    admin.execute("alter table public.users rename column email to mail")
    reads = value(
        admin,
        "select reads from dreamlit.compiled_objects() where object = 'dreamlit_workflows.hello_v1_columns'",
    )
    assert set(reads.values()) == {"public.users", "mail", "user_id", "name"}


def test_the_jsonb_of_a_definition_is_published_unchanged(admin: Connection) -> None:
    document = {**workflow(email()), "description": "says hello"}
    admin.execute("select dreamlit.publish(%s)", [Jsonb(document)])
    assert value(admin, "select definition from dreamlit.versions") == document

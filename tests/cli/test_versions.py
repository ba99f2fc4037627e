"""Versions, their differences, the way back, and checking a migration, as commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Answer, Run
from tests.conftest import Connect
from tests.helpers import Connection, add_user, create_users, publish, value, wait_until, work, workflow

NAP = {"id": "nap", "wait": "3 days"}


def _greet(subject: str) -> dict[str, object]:
    return {
        "id": "greet",
        "email": {"to": "{{ trigger.email }}", "subject": subject, "template": "greet.html"},
    }


@pytest.fixture(autouse=True)
def two_versions(admin: Connection, app: Connection, superuser: Connection) -> None:
    """Version 1 with a run that waits, version 2 published."""
    create_users(admin)
    publish(admin, {**workflow(NAP, _greet("Hi")), "files": {"greet.html": "<p>\nHi\n</p>\n"}})
    add_user(app, "ann")
    work(superuser)
    publish(admin, {**workflow(NAP, _greet("Hello")), "files": {"greet.html": "<p>\nHello\n</p>\n"}})


def test_versions_are_listed_newest_first(run: Run) -> None:
    listed = run("versions", "hello", "--json").json
    assert [(row["version"], row["state"], row["open_runs"]) for row in listed] == [
        (2, "published", 0),
        (1, "draining", 1),
    ]
    assert "draining" in run("versions", "hello").output


def test_an_unknown_workflow_has_no_versions(run: Run) -> None:
    answer = run("versions", "nobody")
    assert (answer.status, answer.errors.splitlines()[0]) == (1, "error: there is no workflow nobody")


def test_a_difference_is_shown_as_yaml_in_the_order_that_people_write(run: Run) -> None:
    lines = run("diff", "hello", "1", "2").output.splitlines()
    assert lines[:2] == ["--- hello version 1", "+++ hello version 2"]
    assert [line for line in lines[2:] if line.startswith(("+", "-"))] == [
        "-    subject: Hi",
        "+    subject: Hello",
        "-    Hi",
        "+    Hello",
    ]
    assert lines.index("   email:") < lines.index(" files:")


def test_a_difference_in_json_is_by_place(run: Run) -> None:
    found = {
        row["place"]: (row["before"], row["after"]) for row in run("diff", "hello", "1", "2", "--json").json
    }
    assert found["steps[greet].email.subject"] == ("Hi", "Hello")
    assert set(found) == {"steps[greet].email.subject", "files[greet.html]"}


def test_versions_that_are_the_same_differ_in_nothing(run: Run) -> None:
    assert run("diff", "hello", "2", "2").output == "no difference\n"


def test_a_version_that_never_was_has_no_difference(run: Run) -> None:
    answer = run("diff", "hello", "1", "3")
    assert (answer.status, answer.errors.splitlines()[0]) == (1, "error: workflow hello has no version 3")


def test_a_rollback_says_which_version_it_made(run: Run) -> None:
    assert run("rollback", "hello", "1").output == "hello: version 3 is version 1 again\n"
    assert run("rollback", "hello", "1", "--json").json == {"name": "hello", "version": 3, "changed": False}


def test_runs_are_moved_after_a_look(run: Run, admin: Connection) -> None:
    assert run("migrate-runs", "hello", "1", "--dry-run").output == "would move: 1, staying: 0\n"
    assert value(admin, "select version from dreamlit.runs") == 1
    assert run("migrate-runs", "hello", "1", "--to", "2").output == "moved: 1, staying: 0\n"
    assert value(admin, "select version from dreamlit.runs") == 2


def test_runs_that_stay_are_listed_with_the_reason(run: Run, admin: Connection) -> None:
    publish(admin, workflow({**NAP, "id": "doze"}))
    answer = run("migrate-runs", "hello", "1")
    assert "moved: 0, staying: 1" in answer.output
    assert "version 3 has no step nap" in answer.output
    assert run("migrate-runs", "hello", "1", "--json").json[0]["moved"] is False


def test_a_version_in_use_is_not_retired(run: Run) -> None:
    answer = run("retire", "hello", "1")
    assert answer.status == 1
    assert "version 1 of hello is draining" in answer.errors
    assert "migrate_runs" in answer.errors


def test_a_version_without_runs_can_be_retired(run: Run, admin: Connection) -> None:
    run("migrate-runs", "hello", "1")
    answers: list[Answer] = []

    def is_retired() -> bool:
        answers.append(run("retire", "hello", "1", "--json"))
        return answers[-1].status == 0

    wait_until(is_retired)
    assert answers[-1].json == {"hello version 1": "retired"}


def test_a_version_that_an_open_transaction_may_still_use_is_not_retired(
    run: Run, connect: Connect, app: Connection
) -> None:
    other = connect("app", autocommit=False)
    add_user(other, "bea")
    run("migrate-runs", "hello", "1")
    answer = run("retire", "hello", "1")
    assert (answer.status, "may still bring an event of version 1" in answer.errors) == (1, True)
    other.rollback()
    wait_until(lambda: run("retire", "hello", "1").status == 0)


# check-migration


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "0042.sql"


def test_a_blocked_migration_is_told_and_fails(run: Run, file: Path) -> None:
    file.write_text("alter table public.users alter column email type varchar(99);", "utf-8")
    answer = run("check-migration", str(file))
    assert answer.status == 1
    assert "blocked   hello version 2 (published)" in answer.output
    assert "way: select * from dreamlit.with_workflows_detached('public.users'" in answer.output
    assert "holds its locks" in answer.errors


def test_a_harmless_migration_passes(run: Run, file: Path) -> None:
    file.write_text("alter table public.users add column extra int;\nvacuum;", "utf-8")
    answer = run("check-migration", str(file))
    assert answer.status == 0
    assert "untouched hello version 2 (published)" in answer.output
    assert "line 2: not examined: vacuum" in answer.output


def test_a_check_answers_in_json(run: Run, file: Path) -> None:
    file.write_text("alter table public.users rename to people;", "utf-8")
    answer = run("check-migration", str(file), "--json")
    assert answer.json["ok"] is True
    assert answer.json["statements"][0]["state"] == "ran"
    assert {row["verdict"] for row in answer.json["workflows"]} == {"follows"}
    assert answer.json["workflows"][0]["findings"][0]["line"] == 1

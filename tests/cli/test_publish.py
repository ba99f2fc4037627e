"""publish, and the commands that take a workflow's name."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import EXAMPLES, WELCOME, Run
from tests.helpers import Connection, value


def test_publish_shows_what_it_did(run: Run, welcome: Path) -> None:
    answer = run("publish", str(welcome))
    assert answer.status == 0
    assert "welcome" in answer.output
    assert "+ insert on public.users" in answer.output


def test_publishing_again_says_unchanged(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    [plan] = run("publish", str(welcome), "--json").json["plan"]
    assert plan == {"workflow": "welcome", "version": 1, "change": "unchanged", "triggers": "as they are"}


def test_a_changed_file_is_a_new_version(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    welcome.write_text(WELCOME.replace("1 hour", "2 hours"), "utf-8")
    [plan] = run("publish", str(welcome), "--json").json["plan"]
    assert (plan["version"], plan["change"]) == (2, "new version")


def test_a_dry_run_changes_nothing(run: Run, welcome: Path, superuser: Connection) -> None:
    answer = run("publish", str(welcome), "--dry-run", "--json")
    assert answer.json["published"] is False
    assert answer.json["plan"][0]["triggers"] == "+ insert on public.users"
    assert value(superuser, "select count(*) from dreamlit.workflows") == 0
    assert value(superuser, "select count(*) from pg_trigger where tgname like 'dreamlit%%'") == 0


def test_the_faults_of_all_files_come_at_once_and_nothing_is_published(
    run: Run, welcome: Path, superuser: Connection
) -> None:
    other = WELCOME.replace("workflow: welcome", "workflow: other").replace("trigger.name", "trigger.nmae")
    (welcome.parent / "other.yaml").write_text(other, "utf-8")
    (welcome.parent / "third.yaml").write_text(other.replace("workflow: other", "workflow: third"), "utf-8")
    answer = run("publish", str(welcome.parent))
    assert answer.status == 1
    assert "other.yaml: steps[0].email.subject: trigger.nmae" in answer.errors
    assert "third.yaml: steps[0].email.text" in answer.errors
    assert "did you mean name?" in answer.errors
    assert value(superuser, "select count(*) from dreamlit.workflows") == 0


def test_the_examples_can_be_published(run: Run, admin: Connection) -> None:
    admin.execute((EXAMPLES / "schema.sql").read_bytes())
    answer = run("publish", str(EXAMPLES), "--json")
    assert [entry["workflow"] for entry in answer.json["plan"]] == ["comment", "payment_failed", "welcome"]


def test_a_file_that_is_no_yaml_is_refused_with_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("workflow: [", "utf-8")
    answer = run("publish", str(file))
    assert answer.status == 1
    assert answer.errors.startswith("error: ")


def test_pause_resume_and_unpublish(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    assert run("pause", "welcome", "--json").json == {"welcome": "paused"}
    assert run("workflows", "--json").json[0]["state"] == "paused"
    assert "active" in run("resume", "welcome").output
    assert run("unpublish", "welcome", "--json").json == {"open runs": 0}
    assert run("workflows", "--json").json[0]["state"] == "unpublished"


def test_an_unknown_name_is_an_error_with_the_nearest_one(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    answer = run("pause", "welcom")
    assert answer.status == 1
    assert answer.errors.splitlines() == ["error: there is no workflow welcom", "hint: did you mean welcome?"]


def test_start_takes_a_payload_from_standard_input(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    run_id = run("start", "welcome", "--payload", "-", "--json", text='{"email": "a@example.com"}').json[
        "run"
    ]
    assert run("runs", "--json").json[0]["run_id"] == run_id


def test_start_refuses_what_is_no_json(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    answer = run("start", "welcome", "--payload", "{")
    assert answer.status == 1
    assert answer.errors.startswith("error: the payload is no JSON")


def test_events_show_what_was_captured(run: Run, one_run: int) -> None:
    [event] = run("events", "--json").json
    assert event["run_id"] == one_run
    assert event["payload"]["trigger"] == {"id": 1, "email": "ann@example.com", "name": "Ann"}
    assert "insert" in run("events").output

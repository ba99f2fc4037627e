"""The commands of operating, as an operator types them."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from tests.cli.conftest import Run
from tests.conftest import DsnOf
from tests.helpers import Connection, column, value, wait_until, work

from dreamlit_cli.times import Moment


@pytest.fixture
def failed_run(run: Run, one_run: int, sender: Connection) -> int:
    """A run whose message the provider refused."""
    _deliver(sender, '"outcome": "failed", "fault": "recipient", "error": "no such user"')
    return one_run


@pytest.fixture
def held_run(run: Run, one_run: int) -> int:
    """A run whose message the sandbox holds."""
    assert run("sandbox", "welcome", "on").status == 0
    return one_run


def _deliver(sender: Connection, outcome: str) -> None:
    sender.execute("select * from dreamlit.claim('email', 'test', 1)")
    for words in ('"outcome": "started"', outcome):
        sender.execute(
            "select dreamlit.report('test', %s::jsonb)", [f'[{{"message_id": 1, "attempt": 1, {words}}}]']
        )


def _messages(run: Run) -> list[str]:
    return [row["state"] for row in run("messages", "--json").json]


# Many at once


def test_retry_failed_counts_asks_and_does(run: Run, failed_run: int) -> None:
    answer = run("retry-failed", "--workflow", "welcome", text="y\n")
    assert answer.status == 0
    assert "to retry: 1 runs, 1 tasks, 0 retired" in answer.output
    assert "done: 1 runs, 1 tasks, 0 retired" in answer.output
    assert _messages(run) == ["queued"]


def test_no_is_no(run: Run, failed_run: int) -> None:
    answer = run("retry-failed", "--workflow", "welcome", text="n\n")
    assert answer.status == 1
    assert _messages(run) == ["failed"]


def test_yes_does_not_ask(run: Run, failed_run: int) -> None:
    assert "go on?" not in run("retry-failed", "--since", "1 hour", "--yes").output
    assert _messages(run) == ["queued"]


@pytest.mark.parametrize("words", [["retry-failed", "--workflow", "welcome"], ["rerun-runs", "welcome"]])
def test_a_dry_run_only_counts(run: Run, failed_run: int, superuser: Connection, words: list[str]) -> None:
    answer = run(*words, "--dry-run")
    assert answer.status == 0
    assert "1 runs" in answer.output
    assert "done" not in answer.output
    assert _messages(run) == ["failed"]
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0


def test_for_programs_it_does_not_ask_and_says_whether_it_only_counted(run: Run, failed_run: int) -> None:
    counts = {"runs": 1, "tasks": 1, "retired": 0}
    assert run("retry-failed", "--workflow", "welcome", "--json", "--dry-run").json == {
        **counts,
        "dry_run": True,
    }
    assert run("retry-failed", "--workflow", "welcome", "--json").json == {**counts, "dry_run": False}


def test_nothing_to_do_asks_nothing(run: Run, one_run: int) -> None:
    answer = run("retry-failed", "--workflow", "welcome")
    assert (answer.status, answer.output) == (0, "to retry: 0 runs, 0 tasks, 0 retired\n")


def test_all_of_everything_has_to_be_said(run: Run, one_run: int) -> None:
    answer = run("cancel-runs", "--yes")
    assert answer.status == 1
    assert "neither a workflow nor a time is given" in answer.errors
    assert "hint: name the workflow" in answer.errors


def test_rerun_runs_starts_afresh(run: Run, failed_run: int, superuser: Connection) -> None:
    assert run("rerun-runs", "welcome", "--yes").status == 0
    work(superuser, 2)
    assert sorted(_messages(run)) == ["failed", "queued"]


def test_rerun_runs_takes_states_and_a_version(run: Run, one_run: int) -> None:
    words = (
        "rerun-runs",
        "welcome",
        "--state",
        "running",
        "--state",
        "done",
        "--version",
        "1",
        "--json",
        "--dry-run",
    )
    assert run(*words).json == {"runs": 1, "unfit": 0, "dry_run": True}
    assert run("rerun-runs", "welcome", "--state", "odd").status == 2


def test_cancel_runs_cancels(run: Run, one_run: int) -> None:
    assert run("cancel-runs", "--workflow", "welcome", "--json").json == {
        "runs": 1,
        "messages": 1,
        "dry_run": False,
    }
    assert _messages(run) == ["cancelled"]


def test_times_leave_runs_out(run: Run, one_run: int) -> None:
    assert run("cancel-runs", "--since", "1 hour", "--until", "30m", "--json").json["runs"] == 0
    assert run("cancel-runs", "--since", "1 hour", "--json", "--dry-run").json["runs"] == 1


@pytest.mark.parametrize(
    ("command", "state"), [("release-messages", "queued"), ("discard-messages", "discarded")]
)
def test_held_messages_are_settled_together(run: Run, held_run: int, command: str, state: str) -> None:
    assert run(command, "welcome", "--dry-run", "--json").json == {"messages": 1, "dry_run": True}
    assert _messages(run) == ["held"]
    assert run(command, "welcome", "--reason", "uncertain", "--yes", "--json").json["messages"] == 0
    assert run(command, "welcome", "--yes").status == 0
    assert _messages(run) == [state]


@pytest.mark.parametrize("command", ["release-messages", "discard-messages", "rerun-runs"])
def test_an_unknown_workflow_is_an_error_with_the_nearest(run: Run, one_run: int, command: str) -> None:
    answer = run(command, "welcom")
    assert answer.status == 1
    assert "error: there is no workflow welcom" in answer.errors
    assert "welcome" in answer.errors.splitlines()[-1]


# One run


def test_a_run_is_started_afresh(run: Run, one_run: int) -> None:
    answer = run("run", "rerun", str(one_run), "--json")
    assert answer.status == 0
    assert list(answer.json.values()) == [2]
    assert [row["run_id"] for row in run("runs", "--json").json] == [2, 1]


def test_an_unknown_version_is_an_error_with_a_hint(run: Run, one_run: int) -> None:
    answer = run("run", "rerun", str(one_run), "--version", "9")
    assert (answer.status, answer.errors.splitlines()) == (
        1,
        ["error: workflow welcome has no version 9", "hint: look in dreamlit.versions"],
    )


def test_a_runs_log_is_for_people_and_programs(run: Run, failed_run: int) -> None:
    output = run("run", "log", str(failed_run)).output
    assert "message 1 made to ann@example.com" in output
    assert "no such user" in output
    assert [row["what"] for row in run("run", "log", str(failed_run), "--json").json][:2] == ["event", "run"]


# The sandbox and the redirect


def test_publish_into_the_sandbox_and_leave_it(run: Run, welcome: Path) -> None:
    assert run("publish", str(welcome), "--sandbox").status == 0
    assert run("workflows", "--json").json[0]["sandbox"] is True
    assert run("sandbox", "welcome", "off", "--json").json == {"sandbox": False}
    assert run("workflows", "--json").json[0]["sandbox"] is False


def test_a_held_message_can_be_released_by_its_number(run: Run, held_run: int) -> None:
    assert run("messages", "--state", "held", "--json").json[0]["message_id"] == 1
    assert run("message", "release", "1", "--json").json == {"message 1": "queued"}
    answer = run("message", "release", "1")
    assert (answer.status, answer.errors.splitlines()[0]) == (1, "error: message 1 is queued, not held")


def test_a_redirect_is_set_and_ended(run: Run, one_run: int) -> None:
    words = ("redirect", "welcome", "--email", "me@example.com", "--slack", "#test", "--json")
    assert run(*words).json == {"redirect": {"email": "me@example.com", "slack": "#test"}}
    assert run("redirect", "welcome", "--json").json == {"redirect": None}
    answer = run("redirect", "welcome", "--email", "me")
    assert answer.status == 1
    assert "hint: write one bare address" in answer.errors


# People


def test_a_person_is_exported(run: Run, one_run: int) -> None:
    found = run("person", "export", "Ann <ann@example.com>").json
    assert found["address"] == "ann@example.com"
    assert [row["run_id"] for row in found["runs"]] == [one_run]


def test_a_person_is_erased_after_a_question(run: Run, one_run: int) -> None:
    assert run("person", "erase", "ann@example.com", text="n\n").status == 1
    assert _messages(run) == ["queued"]
    answer = run("person", "erase", "ann@example.com", text="y\n")
    assert "open runs cancelled" in answer.output
    assert run("person", "export", "ann@example.com").json["runs"] == []


def test_an_erasure_for_programs_prints_json_alone(run: Run, one_run: int) -> None:
    found = {
        row["what"]: row["erased"]
        for row in run("person", "erase", "ann@example.com", "--yes", "--json").json
    }
    assert (found["runs"], found["messages"]) == (1, 1)
    assert run(
        "person", "erase", "ann@example.com", "--json", text="y\n"
    ).json  # the question is not on stdout


def test_what_is_no_address_is_an_error_with_a_hint(run: Run, one_run: int) -> None:
    for words in (("person", "erase", "ann", "--yes"), ("person", "export", "ann"), ("suppress", "ann")):
        answer = run(*words)
        assert answer.errors.splitlines() == [
            "error: ann is no address",
            "hint: write one address: ann@example.com",
        ]
        assert answer.status == 1


def test_mail_is_stopped_and_let_through(run: Run, one_run: int) -> None:
    assert run("suppress", "ann@example.com", "--reason", "asked", "--json").json == {
        "newly suppressed": True
    }
    assert run("suppress", "ann@example.com", "--json").json == {"newly suppressed": False}
    assert run("unsuppress", "ann@example.com", "--json").json == {"was suppressed": True}


def test_a_reader_may_not(run: Run, one_run: int) -> None:
    for words in (
        ("cancel-runs", "--workflow", "welcome", "--yes"),
        ("person", "erase", "ann@example.com", "--yes"),
        ("sandbox", "welcome", "on"),
        ("alerts", "--test"),
    ):
        answer = run(*words, role="reader")
        assert answer.status == 1
        assert "permission denied" in answer.errors


# Alerts and health


def test_alerts_show_what_the_owner_was_told(run: Run, failed_run: int, superuser: Connection) -> None:
    assert run("alerts").output == "no trouble\n"
    superuser.execute("select dreamlit._alert()")
    output = run("alerts").output
    assert "workflow welcome: 1 task failed" in output
    assert "no such user" in output
    assert "dreamlit.retry_failed('welcome'" in output
    (alert,) = run("alerts", "--json").json
    assert (alert["kind"], alert["count"]) == ("failed", 1)


def test_a_test_alert_needs_somebody_to_tell(run: Run, superuser: Connection) -> None:
    answer = run("alerts", "--test")
    assert answer.status == 1
    assert "hint: select dreamlit.set_setting('alert_email'" in answer.errors
    assert run("setting", "set", "alert_email", "ops@example.com").status == 0
    assert len(run("alerts", "--test", "--json").json["messages"]) == 1


def test_health_exits_with_1_while_anything_is_critical(
    run: Run, one_run: int, sender: Connection, superuser: Connection
) -> None:
    answer = run("health", "--json")
    assert answer.status == 1
    assert [row["name"] for row in answer.json if row["state"] == "critical"] == ["sender"]
    sender.execute("select * from dreamlit.claim('slack', 'test', 1)")
    work(superuser)
    assert run("health").status == 0


# logs


def test_logs_are_filtered(run: Run, failed_run: int) -> None:
    def lines(*words: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in run("logs", *words, "--json").output.splitlines()]

    assert {row["state"] for row in lines("--state", "failed")} == {"failed"}
    assert [row["what"] for row in lines("--recipient", "ann@example.com")] == ["message", "delivery"]
    assert {row["run_id"] for row in lines("--run", str(failed_run))} == {failed_run}
    assert lines("--workflow", "other") == []
    assert len(lines("--limit", "2")) == 2


def test_logs_without_json_are_lines_for_people(run: Run, failed_run: int) -> None:
    output = run("logs").output
    assert re.search(r"welcome +run 1 +delivery 1 failed to ann@example.com.*: .*no such user", output)


def test_logs_of_earlier_have_to_be_asked_for(run: Run, one_run: int) -> None:
    assert run("logs", "--since", "2100-01-01").output == ""
    assert run("logs", "--since", "soon").status == 2
    assert "write '2 hours', 30m" in run("logs", "--since", "soon").errors


@contextlib.contextmanager
def _following(dsn: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from dreamlit_cli.main import main; main()", "--dsn", dsn, "logs", "-f"]
    with subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_logs_follow_what_happens_until_they_are_interrupted(
    run: Run, one_run: int, sender: Connection, dsn_of: DsnOf
) -> None:
    with _following(dsn_of("reader"), "--json", "--recipient", "ann@example.com") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["state"] == "made"
        _deliver(sender, '"outcome": "sent", "provider": "smtp"')
        assert json.loads(process.stdout.readline())["detail"] == "smtp"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert output == ""
    assert "Traceback" not in errors


def test_following_does_not_bring_back_what_the_limit_left_out(
    run: Run, one_run: int, admin: Connection, superuser: Connection, dsn_of: DsnOf
) -> None:
    with _following(dsn_of("reader"), "--json", "--limit", "1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        polls = "select count(*) from pg_stat_activity where usename = 'tests_reader'"
        wait_until(lambda: value(superuser, polls) == 0)
        admin.execute("select dreamlit.pause('welcome')")
        assert json.loads(process.stdout.readline())["what"] == "pause"


# Times


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30m", 1800), ("2 hours", 7200), ("1 day ago", 86400), ("1.5h", 5400), ("2w", 1209600), ("45 s", 45)],
)
def test_a_span_is_so_long_ago(written: str, seconds: int) -> None:
    found = Moment().convert(written, None, None)
    assert abs(datetime.now(UTC) - timedelta(seconds=seconds) - found) < timedelta(minutes=1)


def test_a_date_is_of_this_machines_zone_unless_it_names_one() -> None:
    assert Moment().convert("2026-11-21T14:00:00+02:00", None, None) == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert Moment().convert("2026-11-21 14:00", None, None) == datetime(2026, 11, 21, 14).astimezone()


@pytest.mark.parametrize("written", ["", "soon", "2 fortnights", "-1h", "2026-13-01", "99999999999 weeks"])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(written, None, None)


def test_every_operators_command_explains_itself(run: Run) -> None:
    for command in (
        "retry-failed",
        "rerun-runs",
        "cancel-runs",
        "release-messages",
        "discard-messages",
        "logs",
    ):
        answer = run(command, "--help")
        assert answer.status == 0
        assert "Usage:" in answer.output


def test_the_actor_is_who_runs_the_command(run: Run, one_run: int, superuser: Connection) -> None:
    run("cancel-runs", "--workflow", "welcome", "--yes")
    query = "select distinct actor from dreamlit._audit_log where action = 'cancel run'"
    assert column(superuser, query) == ["tests_admin"]

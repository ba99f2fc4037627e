"""What an operator looks at and does."""

from __future__ import annotations

from tests.cli.conftest import Run
from tests.helpers import Connection


def test_runs_can_be_filtered(run: Run, one_run: int) -> None:
    assert [row["run_id"] for row in run("runs", "--workflow", "welcome", "--json").json] == [one_run]
    assert run("runs", "--state", "failed", "--json").json == []
    assert "no such run" in run("runs", "--state", "failed").output


def test_a_run_is_shown_as_a_tree_of_its_steps(run: Run, one_run: int) -> None:
    output = run("run", "show", str(one_run)).output
    assert "welcome v1" in output
    assert "greet sending" in output
    assert "message 1 to ann@example.com: queued" in output
    shown = run("run", "show", str(one_run), "--json").json
    assert [task["step"] for task in shown["tasks"]] == ["greet"]


def test_a_run_that_is_not_there_is_an_error(run: Run, one_run: int) -> None:
    answer = run("run", "show", "999")
    assert (answer.status, answer.errors.splitlines()[0]) == (1, "error: there is no run 999")


def test_a_run_can_be_cancelled(run: Run, one_run: int) -> None:
    assert run("run", "cancel", str(one_run), "--json").json == {f"run {one_run}": "cancelled"}
    assert run("messages", "--json").json[0]["state"] == "cancelled"


def test_a_run_without_failures_cannot_be_retried(run: Run, one_run: int) -> None:
    answer = run("run", "retry", str(one_run))
    assert answer.status == 1
    assert "has no failed task" in answer.errors


def test_messages_can_be_found_by_recipient(run: Run, one_run: int) -> None:
    assert run("messages", "--recipient", "bob@example.com", "--json").json == []
    [message] = run("messages", "--recipient", "ann@example.com", "--json").json
    assert message["subject"] == "Hi Ann"


def test_a_message_is_shown_as_it_was_rendered_and_brackets_stay(run: Run, one_run: int) -> None:
    assert "Hello [Ann]" in run("message", "show", "1").output
    shown = run("message", "show", "1", "--json").json
    assert shown["message"]["content"]["to"] == ["ann@example.com"]
    assert shown["attempts"] == []


def _make_uncertain(sender: Connection) -> None:
    sender.execute("select * from dreamlit.claim('email', 'test', 1)")
    sender.execute(
        """select dreamlit.report('test', '[{"message_id": 1, "attempt": 1, "outcome": "started"}]')""",
    )
    sender.execute(
        """select dreamlit.report('test',
           '[{"message_id": 1, "attempt": 1, "outcome": "failed", "fault": "unknown", "error": "broke off"}]')""",
    )


def test_an_uncertain_message_can_be_released(run: Run, one_run: int, sender: Connection) -> None:
    _make_uncertain(sender)
    assert run("messages", "--state", "uncertain", "--json").json[0]["message_id"] == 1
    assert "broke off" in run("message", "show", "1").output
    assert run("message", "release", "1", "--json").json == {"message 1": "queued"}


def test_an_uncertain_message_can_be_discarded_as_delivered(
    run: Run, one_run: int, sender: Connection
) -> None:
    _make_uncertain(sender)
    assert run("message", "discard", "1", "--delivered", "--json").json == {"message 1": "sent"}
    assert run("message", "release", "1").status == 1

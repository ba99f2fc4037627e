from __future__ import annotations

from tests.helpers import Connection, column, email, rows, slack, work

from .conftest import Run, states

BROKEN = {"id": "broken", "after": "trigger", "query": "select 1 / (trigger.visits - 1) as n", "attempts": 1}


def test_a_failing_branch_does_not_block_another(run: Run, superuser: Connection) -> None:
    run(BROKEN, email("below"), email("beside", after="trigger"), slack())
    assert states(superuser, "broken") == ["failed"]
    assert states(superuser, "below") == []
    assert states(superuser, "beside") == ["sending"]
    assert states(superuser, "team") == ["sending"]


def test_a_run_with_a_failed_branch_shows_as_failed_while_the_other_goes_on(
    run: Run, superuser: Connection
) -> None:
    run(BROKEN, {"id": "nap", "after": "trigger", "wait": "1 day"}, email())
    (found,) = rows(superuser, "select state, open_tasks, failed_tasks, last_error from dreamlit.runs")
    assert (found["state"], found["open_tasks"], found["failed_tasks"]) == ("failed", 1, 1)
    assert found["last_error"]["step"] == "broken"


def test_branches_below_one_step_all_start(run: Run, superuser: Connection) -> None:
    run(
        {"id": "root", "query": "select 1 as n"},
        email("one", after="root"),
        email("two", after="root"),
        email("three", after="root"),
    )
    assert [states(superuser, step) for step in ("one", "two", "three")] == [["sending"]] * 3


def test_a_template_that_fails_for_one_item_fails_that_task_only(run: Run, superuser: Connection) -> None:
    step = email()
    step["email"] = {
        "to": "{{ trigger.email }}",
        "subject": "Hi",
        "text": "{{ 10 // (trigger.visits - 2) }}",
    }
    run(step, users=3)
    assert sorted(states(superuser, "tell")) == ["failed", "sending", "sending"]
    (error,) = column(superuser, "select error from dreamlit.tasks where state = 'failed'")
    assert error["field"] == "text"
    assert error["step"] == "tell"


def test_the_steps_below_a_message_wait_for_its_delivery(
    run: Run, sender: Connection, superuser: Connection
) -> None:
    run(email("first"), email("second"))
    assert states(superuser, "second") == []
    (claimed,) = rows(sender, "select message_id, attempt from dreamlit.claim('email', 'me', 10)")
    sender.execute(
        "select dreamlit.report('me', jsonb_build_array(jsonb_build_object("
        "'message_id', %s::bigint, 'attempt', %s::int, 'outcome', 'sent')))",
        [claimed["message_id"], claimed["attempt"]],
    )
    work(superuser)
    assert states(superuser, "second") == ["sending"]

"""The activity log of all workflows."""

from __future__ import annotations

from tests.helpers import Connection, add_user, column, email, publish, rows, value, work, workflow

from .conftest import Run, Sender


def test_it_can_be_filtered_by_workflow(
    run: Run, admin: Connection, superuser: Connection, reader: Connection
) -> None:
    run(email())
    publish(admin, workflow(email("other"), name="second"))
    admin.execute('select dreamlit.start(\'second\', \'{"email": "z@x.org", "name": "z"}\')')
    work(superuser, 2)
    found = column(
        reader, "select step from dreamlit.activity where workflow = 'second' and what = 'message'"
    )
    assert found == ["other"]


def test_it_can_be_filtered_by_recipient(run: Run, me: Sender, reader: Connection) -> None:
    run(email(), users=2)
    for claimed in me.claim():
        me.deliver(claimed)
    found = rows(
        reader, "select what, state from dreamlit.activity where recipient = 'user2@example.com' order by at"
    )
    assert found == [{"what": "message", "state": "made"}, {"what": "delivery", "state": "sent"}]


def test_an_event_that_started_nothing_says_why(
    run: Run, app: Connection, superuser: Connection, reader: Connection
) -> None:
    run({"id": "nap", "wait": "1 day"}, users=0, key="new.plan")
    add_user(app, "ann", plan="pro")
    add_user(app, "bob", plan="pro")
    work(superuser)
    (found,) = rows(reader, "select state, run_id, detail from dreamlit.activity where what = 'event'")
    assert found == {"state": "ignored", "run_id": None, "detail": "a run with this key was open"}


def test_what_belongs_to_no_workflow_is_there_too(admin: Connection, reader: Connection) -> None:
    admin.execute("select dreamlit.set_setting('batch', '10')")
    (found,) = rows(reader, "select workflow, what, state from dreamlit.activity")
    assert found == {"workflow": None, "what": "set setting", "state": "by tests_admin"}


def test_an_alert_is_a_message_without_a_run(
    admin: Connection, sender: Connection, reader: Connection
) -> None:
    admin.execute("select dreamlit.set_setting('alert_email', '\"ops@example.com\"')")
    admin.execute("select dreamlit.test_alert()")
    (found,) = rows(
        reader, "select workflow, run_id, recipient, detail from dreamlit.activity where what = 'message'"
    )
    assert found == {
        "workflow": None,
        "run_id": None,
        "recipient": "ops@example.com",
        "detail": "[dreamlit] a test",
    }


def test_a_time_and_a_run_leave_out_the_rest(run: Run, reader: Connection) -> None:
    run(email(), users=2)
    assert value(reader, "select count(*) from dreamlit.activity where at > now() + interval '1 hour'") == 0
    assert set(column(reader, "select run_id from dreamlit.activity where run_id = 2")) == {2}


def test_a_skipped_and_a_cancelled_step_say_so(run: Run, admin: Connection, reader: Connection) -> None:
    run({**email(), "if": "false"}, {"id": "nap", "wait": "1 day", "after": "trigger"}, passes=1)
    admin.execute("select dreamlit.cancel_run(1)")
    found = rows(reader, "select step, state from dreamlit.activity where step is not null order by step")
    assert found == [{"step": "nap", "state": "cancelled"}, {"step": "tell", "state": "skipped"}]

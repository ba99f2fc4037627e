"""The sandbox: everything is made, nothing leaves until a person says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    add_users,
    column,
    create_users,
    email,
    publish,
    rows,
    slack,
    value,
    wait_for_lock,
    work,
    workflow,
)

from .conftest import Run, Sender, states


@pytest.fixture
def boxed(admin: Connection, app: Connection, superuser: Connection) -> Run:
    """Publishes a workflow into the sandbox and lets its messages be made."""
    create_users(admin)

    def boxed(*steps: dict[str, object], users: int = 1) -> None:
        admin.execute("select * from dreamlit.publish(%s, true)", [Jsonb(workflow(*(steps or (email(),))))])
        add_users(app, users)
        work(superuser, 2)

    return boxed


def enter(admin: Connection) -> None:
    admin.execute("select dreamlit.set_sandbox('hello', true)")


def leave(admin: Connection) -> None:
    admin.execute("select dreamlit.set_sandbox('hello', false)")


def release(admin: Connection, message_id: int) -> None:
    admin.execute("select dreamlit.release(%s)", [message_id])


def _states(superuser: Connection) -> list[str]:
    return column(superuser, "select state from dreamlit.messages order by message_id")


def _is_refused(connection: Connection, query: str, fact: str) -> None:
    with pytest.raises(psycopg.Error, match=fact) as caught:
        connection.execute(query.encode())
    assert caught.value.sqlstate == "DL003"


# Holding


def test_messages_of_every_channel_are_held(boxed: Run, me: Sender, superuser: Connection) -> None:
    boxed(email(), slack())
    assert _states(superuser) == ["held", "held"]
    assert me.claim() == []
    assert me.claim(channel="slack") == []


def test_a_held_message_can_be_read_as_it_was_rendered(boxed: Run, reader: Connection) -> None:
    boxed()
    (found,) = rows(reader, "select recipient, subject, content from dreamlit.messages")
    assert (found["recipient"], found["subject"]) == ("user1@example.com", "Hi")
    assert found["content"]["text"] == "Hello user1"


def test_what_a_sender_renders_is_held_too(
    boxed: Run, admin: Connection, app: Connection, me: Sender, superuser: Connection
) -> None:
    boxed(users=0)
    admin.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    add_user(app, "ann")
    work(superuser, 2)
    (asked,) = me.claim(channel="render")
    content = {"to": ["ann@example.com"], "cc": [], "bcc": [], "subject": "Hi", "text": "Hello", "html": None}
    assert me.report(asked, "rendered", content=content) == "rendered"
    assert _states(superuser) == ["held"]


def test_another_workflows_messages_leave(
    boxed: Run, admin: Connection, app: Connection, me: Sender, superuser: Connection
) -> None:
    boxed()
    publish(admin, workflow(email("open"), name="other"))
    add_user(app, "zoe")
    work(superuser, 2)
    assert [row["content"]["to"] for row in me.claim()] == [["zoe@example.com"]]


def test_held_messages_are_no_trouble(boxed: Run, reader: Connection) -> None:
    boxed(users=3)
    (found,) = rows(reader, "select state, number from dreamlit.health where name = 'held messages'")
    assert found == {"state": "ok", "number": 3}
    assert value(reader, "select number from dreamlit.health where name = 'uncertain messages'") == 0


# Releasing


def test_a_released_message_is_delivered(
    boxed: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    boxed(users=2)
    release(admin, 2)
    (claimed,) = me.claim()
    assert claimed["message_id"] == 2
    assert me.deliver(claimed) == "sent"
    assert _states(superuser) == ["held", "sent"]


def test_many_are_released_at_once(boxed: Run, admin: Connection, me: Sender, superuser: Connection) -> None:
    boxed(users=3)
    assert value(admin, "select dreamlit.release_messages('hello', dry_run => true)") == 3
    assert _states(superuser) == ["held"] * 3
    assert value(admin, "select dreamlit.release_messages('hello')") == 3
    assert len(me.claim()) == 3


def test_a_transient_failure_of_a_released_message_is_tried_again(
    boxed: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    boxed()
    release(admin, 1)
    assert me.deliver(me.claim()[0], "failed", fault="transient", retry_after=0) == "queued"
    assert value(superuser, "select message ? 'released' from dreamlit._outbox") is True


def test_a_message_that_is_not_held_cannot_be_released(boxed: Run, admin: Connection) -> None:
    boxed()
    release(admin, 1)
    _is_refused(admin, "select dreamlit.release(1)", "message 1 is queued, not held")


def test_a_reader_may_not_release(boxed: Run, reader: Connection) -> None:
    boxed()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        release(reader, 1)


def test_two_people_release_a_message_once(boxed: Run, connect: Connect, superuser: Connection) -> None:
    boxed()
    first, second = connect("admin", autocommit=False), connect("admin")
    release(first, 1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_is_refused, second, "select dreamlit.release(1)", "is queued, not held")
        wait_for_lock(superuser, second)
        first.commit()
        waiting.result()
    assert value(superuser, "select count(*) from dreamlit._outbox") == 1


def test_releasing_all_leaves_out_what_somebody_else_releases(
    boxed: Run, connect: Connect, superuser: Connection
) -> None:
    boxed(users=3)
    first, second = connect("admin", autocommit=False), connect("admin")
    release(first, 2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(value, second, "select dreamlit.release_messages('hello')")
        wait_for_lock(superuser, second)
        first.commit()
        assert waiting.result() == 2
    assert column(superuser, "select message_id from dreamlit._outbox order by 1") == [1, 2, 3]


def test_a_paused_workflow_keeps_even_what_was_released(boxed: Run, admin: Connection, me: Sender) -> None:
    boxed()
    release(admin, 1)
    admin.execute("select dreamlit.pause('hello')")
    assert me.claim() == []


# Discarding


def test_a_discarded_message_counts_as_done_and_the_run_goes_on(
    boxed: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    boxed(email(), email("more"))
    assert value(admin, "select dreamlit.discard(1)") == "discarded"
    work(superuser, 2)
    assert _states(superuser) == ["discarded", "held"]
    assert states(superuser, "tell") == ["done"]
    assert me.claim() == []


def test_all_are_discarded_at_once(boxed: Run, admin: Connection, superuser: Connection) -> None:
    boxed(users=3)
    assert value(admin, "select dreamlit.discard_messages('hello', dry_run => true)") == 3
    assert value(admin, "select dreamlit.discard_messages('hello')") == 3
    assert _states(superuser) == ["discarded"] * 3
    assert column(superuser, "select distinct state from dreamlit.runs") == ["done"]


def test_uncertain_messages_are_another_reason(boxed: Run, admin: Connection, superuser: Connection) -> None:
    boxed()
    assert value(admin, "select dreamlit.release_messages('hello', 'uncertain')") == 0
    with pytest.raises(psycopg.Error, match="not held for fun") as caught:
        admin.execute("select dreamlit.release_messages('hello', 'fun')")
    assert caught.value.sqlstate == "DL001"
    assert _states(superuser) == ["held"]


def test_cancelling_a_run_takes_its_held_messages_with_it(
    boxed: Run, admin: Connection, superuser: Connection
) -> None:
    boxed()
    admin.execute("select dreamlit.cancel_run(1)")
    assert _states(superuser) == ["cancelled"]
    assert value(superuser, "select count(*) from dreamlit._held_messages") == 0


# Entering and leaving


def test_publishing_again_does_not_leave_it(boxed: Run, admin: Connection, reader: Connection) -> None:
    boxed()
    publish(admin, workflow(email(), email("more")))
    assert column(reader, "select sandbox from dreamlit.workflows") == [True]


def test_publishing_the_same_into_the_sandbox_enters_it(
    run: Run, admin: Connection, reader: Connection
) -> None:
    run(email())
    (found,) = rows(admin, "select changed from dreamlit.publish(%s, true)", Jsonb(workflow(email())))
    assert found == {"changed": False}
    assert column(reader, "select state from dreamlit.messages") == ["held"]


def test_leaving_sends_what_comes_and_not_what_is_held(
    boxed: Run, admin: Connection, app: Connection, me: Sender, superuser: Connection
) -> None:
    boxed()
    leave(admin)
    add_user(app, "zoe")
    work(superuser, 2)
    assert [row["message_id"] for row in me.claim()] == [2]
    assert _states(superuser) == ["held", "queued"]


def test_entering_holds_what_is_queued(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), users=3)
    enter(admin)
    assert _states(superuser) == ["held"] * 3
    assert me.claim() == []


def test_a_message_that_was_claimed_before_may_not_leave(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    enter(admin)
    assert me.report(claimed, "started") == "lost"
    assert _states(superuser) == ["held"]


def test_a_claim_of_before_does_not_count_after_the_release(
    run: Run, admin: Connection, me: Sender, other: Sender
) -> None:
    run(email())
    (old,) = me.claim()
    enter(admin)
    release(admin, 1)
    (new,) = other.claim()
    assert other.report(new, "started") == "sending"
    assert me.report(old, "started") == "lost"


def test_a_delivery_that_has_begun_ends(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    me.report(claimed, "started")
    enter(admin)
    assert me.report(claimed, "sent") == "sent"
    assert _states(superuser) == ["sent"]


def test_what_is_posted_while_it_is_entered_is_held_a_little_later(
    run: Run, admin: Connection, connect: Connect, app: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(), users=0)
    add_user(app, "ann")
    superuser.execute("select dreamlit._launch_runs()")
    worker = connect("superuser", autocommit=False)
    step = value(superuser, "select step_id from dreamlit._steps where name = 'tell'")
    worker.execute("select dreamlit._advance(%s)", [step])
    enter(admin)
    worker.commit()
    assert me.claim() == []
    superuser.execute("update dreamlit._chores set due_at = '-infinity' where chore = 'hold'")
    work(superuser, 10)
    assert _states(superuser) == ["held"]


def test_a_retry_in_the_sandbox_is_held_again(
    boxed: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    boxed()
    release(admin, 1)
    me.deliver(me.claim()[0], "failed", fault="recipient", error="no")
    assert value(admin, "select dreamlit.retry_run(1)") == 1
    assert _states(superuser) == ["held"]
    assert me.claim() == []


def test_an_unknown_workflow_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("select dreamlit.set_sandbox('hello', true)")
    assert caught.value.sqlstate == "DL002"


def test_neither_in_nor_out_is_refused(boxed: Run, admin: Connection) -> None:
    boxed()
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("select dreamlit.set_sandbox('hello', null)")
    assert caught.value.sqlstate == "DL001"


def _audited(superuser: Connection) -> list[dict[str, Any]]:
    return rows(superuser, "select action from dreamlit._audit_log where action like '%sandbox' order by at")


def test_entering_twice_is_logged_once(run: Run, admin: Connection, superuser: Connection) -> None:
    run(email(), users=0)
    enter(admin)
    enter(admin)
    leave(admin)
    leave(admin)
    assert _audited(superuser) == [{"action": "enter sandbox"}, {"action": "leave sandbox"}]

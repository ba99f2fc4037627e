"""Afterwards an address stands nowhere; what belongs to others stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    add_users,
    column,
    email,
    rows,
    shift_clock,
    slack,
    value,
    wait_for_lock,
    work,
)

from .conftest import Erase, Run, Sender, places, states

NAP = {"id": "nap", "wait": "1 day"}
PEOPLE = {"id": "person", "query": "select p.email, p.email like 'bob%' as bob from public.people as p"}
UNDER_WAY = "deliveries under way (erase again when they have ended)"


@pytest.fixture
def people(admin: Connection) -> Connection:
    """A table that fan-outs read: Bob and others."""
    admin.execute("create table public.people (email text)")
    admin.execute("insert into public.people values ('bob@x.com'), ('ann@x.com'), ('zoe@x.com')")
    return admin


def bob(app: Connection, superuser: Connection, passes: int = 2, **columns: object) -> None:
    """Bob signs up."""
    add_user(app, "bob", email="bob@x.com", **columns)
    work(superuser, passes)


# Every place


def test_a_finished_run_is_emptied_and_still_counts(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), slack("team"), users=0, key="new.email")
    bob(app, superuser)
    for channel in ("email", "slack"):
        me.deliver(me.claim(channel=channel)[0])
    erased = erase()
    assert (erased["runs"], erased["messages"]) == (1, 2)
    assert places(superuser) == []
    assert places(superuser, "bob") == []  # nor his name, which the Slack message said
    (left,) = rows(superuser, "select state, done_tasks, messages, key from dreamlit.runs")
    assert left == {"state": "done", "done_tasks": 2, "messages": {"sent": 2}, "key": None}


def test_a_waiting_event_is_taken_out(run: Run, app: Connection, erase: Erase, superuser: Connection) -> None:
    run(email(), users=0)
    bob(app, superuser, passes=0)
    assert erase()["waiting events"] == 1
    assert places(superuser) == []
    work(superuser, 2)
    assert value(superuser, "select count(*) from dreamlit.runs") == 0
    assert column(superuser, "select ignored_because from dreamlit.event_log") == ["erased"]


def test_the_other_events_of_a_statement_start_their_runs(
    run: Run, app: Connection, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    app.execute(
        "insert into public.users (email, name) values ('a@x.com', 'a'), ('bob@x.com', 'bob'), ('c@x.com', 'c')"
    )
    assert erase()["waiting events"] == 1
    assert places(superuser) == []
    work(superuser, 2)
    assert column(superuser, "select recipient from dreamlit.messages order by 1") == ["a@x.com", "c@x.com"]


def test_an_open_run_is_cancelled(run: Run, app: Connection, erase: Erase, superuser: Connection) -> None:
    run(NAP, email(), users=0)
    bob(app, superuser)
    assert erase()["open runs cancelled"] == 1
    assert column(superuser, "select state from dreamlit.runs") == ["cancelled"]
    shift_clock(superuser, "2 days")
    work(superuser, 2)
    assert value(superuser, "select count(*) from dreamlit.messages") == 0
    assert places(superuser) == []


def test_a_queued_message_is_not_sent(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    erase()
    assert me.claim() == []
    assert rows(superuser, "select state, recipient, content from dreamlit.messages") == [
        {"state": "cancelled", "recipient": None, "content": {"erased": True}}
    ]
    assert places(superuser) == []


def test_the_items_of_others_in_a_fan_out_go_on(
    run: Run, people: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(PEOPLE, email(to="{{ person.email }}"))
    erase()
    assert places(superuser) == []
    claimed = me.claim()
    assert sorted(row["content"]["to"][0] for row in claimed) == ["ann@x.com", "zoe@x.com"]
    for row in claimed:
        me.deliver(row)
    (left,) = rows(superuser, "select state, done_tasks, skipped_tasks from dreamlit.runs")
    assert left == {"state": "done", "done_tasks": 3, "skipped_tasks": 1}


def test_an_item_that_waits_is_skipped_and_the_others_wait_on(
    run: Run, people: Connection, erase: Erase, superuser: Connection
) -> None:
    run(PEOPLE, NAP, email(to="{{ person.email }}"))
    assert erase()["open tasks skipped"] == 1
    shift_clock(superuser, "2 days")
    work(superuser, 2)
    assert column(superuser, "select recipient from dreamlit.messages order by 1") == [
        "ann@x.com",
        "zoe@x.com",
    ]


def test_a_collected_list_with_the_address_goes_with_its_message(
    run: Run, people: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run({**PEOPLE, "collect": True}, email(to="digest@x.org"))
    people.execute("truncate public.people")
    assert "dreamlit._tasks" in places(superuser)
    erase()
    assert places(superuser) == []
    assert states(superuser, "tell") == ["skipped"]
    assert me.claim() == []


def test_a_collected_list_whose_delivery_has_begun_is_counted(
    run: Run, people: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run({**PEOPLE, "collect": True}, email(to="digest@x.org"))
    (claimed,) = me.claim()
    me.report(claimed, "started")
    assert erase()[UNDER_WAY] == 1
    me.report(claimed, "failed", fault="recipient")
    erase()
    assert places(superuser) == []


def test_cc_and_bcc_count_as_mentions(
    run: Run, me: Sender, admin: Connection, erase: Erase, superuser: Connection
) -> None:
    step = email(to="a@x.org")
    step["email"] = {
        "to": "{{ trigger.email }}",
        "cc": "{{ trigger.name }}@x.com",
        "subject": "Hi",
        "text": "Hi",
    }
    run(step)  # user1@x.com
    me.deliver(me.claim()[0])
    assert erase("user1@x.com")["messages"] == 1
    assert places(superuser, "user1@x.com") == []


def test_a_held_message_is_cancelled(
    run: Run, admin: Connection, app: Connection, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    admin.execute("select dreamlit.set_sandbox('hello', true)")
    bob(app, superuser)
    erase()
    assert column(superuser, "select state from dreamlit.messages") == ["cancelled"]
    assert value(superuser, "select count(*) from dreamlit._held_messages") == 0
    assert places(superuser) == []


def test_an_uncertain_message_is_cancelled(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run({**email(), "when_uncertain": "hold"}, users=0)
    bob(app, superuser)
    me.deliver(me.claim()[0], "failed", fault="unknown", error="bob@x.com broke off")
    erase()
    assert column(superuser, "select state from dreamlit.messages") == ["cancelled"]
    assert value(superuser, "select count(*) from dreamlit._held_messages") == 0
    assert places(superuser) == []


def test_a_delivery_under_way_is_counted_and_erased_at_the_second_time(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), slack("team"), users=0)
    bob(app, superuser)
    claimed = [me.claim()[0], me.claim(channel="slack")[0]]
    for row in claimed:
        me.report(row, "started")
    assert erase()[UNDER_WAY] == 2
    for row in claimed:
        assert me.report(row, "sent") == "sent"
    assert erase()[UNDER_WAY] == 0
    assert places(superuser, "bob") == []


def test_what_a_provider_said_of_an_address_goes(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    me.deliver(
        me.claim()[0], "failed", fault="recipient", code="550 bob@x.com", error="<bob@x.com>: no such user"
    )
    erase()
    assert places(superuser) == []
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]
    assert column(superuser, "select outcome from dreamlit.attempts") == ["failed"]


def test_an_error_that_quotes_the_address_in_somebody_elses_run_goes(
    run: Run, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="recipient", error="relayed to bob@x.com: no such user")
    erase()
    assert places(superuser) == []
    (left,) = rows(superuser, "select recipient, content ->> 'text' as text, error from dreamlit.messages")
    assert (left["recipient"], left["text"]) == ("user1@example.com", "Hello user1")
    assert left["error"]["message"] == "erased"


def test_the_errors_of_a_step_go(run: Run, app: Connection, erase: Erase, superuser: Connection) -> None:
    run({"id": "parse", "query": "select trigger.email::integer as n", "attempts": 3}, users=0)
    bob(app, superuser)
    assert "dreamlit._task_attempts_" in " ".join(places(superuser))
    erase()
    assert places(superuser) == []


def test_the_error_of_an_open_task_goes_and_the_task_goes_on(
    run: Run, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(to="a@x.org, b@x.org"))
    first, second = me.claim()
    me.deliver(first, "failed", fault="recipient", error="bob@x.com is the postmaster")
    erase()
    assert places(superuser) == []
    me.deliver(second)
    assert states(superuser, "tell") == ["failed"]


def test_an_alert_forgets_the_address_and_keeps_its_count(
    run: Run, admin: Connection, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    admin.execute("select dreamlit.set_setting('alert_slack', '\"#ops\"')")
    run({"id": "parse", "query": "select trigger.email::integer as n", "attempts": 1}, users=0)
    bob(app, superuser)
    superuser.execute("select dreamlit._alert()")
    me.deliver(me.claim(channel="slack")[0])
    erase()
    assert places(superuser) == []
    assert rows(superuser, "select kind, count from dreamlit.alerts") == [{"kind": "failed", "count": 1}]


def test_failures_that_were_not_told_yet_forget_the_address(
    run: Run, app: Connection, erase: Erase, superuser: Connection
) -> None:
    run({"id": "parse", "query": "select trigger.email::integer as n", "attempts": 1}, users=0)
    bob(app, superuser)
    erase()
    assert value(superuser, "select count(*) from dreamlit._failures") == 1
    assert places(superuser) == []


def test_a_stopped_channel_and_its_alert_forget_the_address(
    run: Run, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="configuration", error="bob@x.com is not verified")
    superuser.execute("select dreamlit._alert()")
    erase()
    assert places(superuser) == []
    assert value(superuser, "select reason from dreamlit._channels where channel = 'email'") == {
        "fault": "configuration",
        "message": "erased",
    }


def test_an_ignored_event_and_its_key_go(
    run: Run, app: Connection, erase: Erase, superuser: Connection
) -> None:
    run(NAP, email(), users=0, key="new.email")
    bob(app, superuser)
    bob(app, superuser)
    assert erase()["events"] == 1
    assert places(superuser) == []


def test_a_key_alone_is_a_mention(run: Run, app: Connection, erase: Erase, superuser: Connection) -> None:
    run({**NAP, "if": "trigger.user_id > 0"}, users=0, key="'key of ' || new.name || '@x.com'")
    add_user(app, "bob")
    work(superuser, 2)
    assert places(superuser) != []
    erase()
    assert places(superuser) == []


def test_what_was_kept_aside_goes(erase: Erase, superuser: Connection) -> None:
    superuser.execute(
        "insert into pgmq.a_dreamlit_events (msg_id, read_ct, enqueued_at, vt, message) values"
        ' (1, 0, now(), now(), \'{"to": "bob@x.com"}\')'
    )
    erase()
    assert places(superuser) == []


# Suppression


def test_a_suppression_stays_as_a_hash_and_still_suppresses(
    run: Run, admin: Connection, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    admin.execute("select dreamlit.suppress('bob@x.com')")
    erase()
    assert places(superuser) == []
    run(email(), users=0)
    bob(app, superuser)
    assert me.claim() == []
    assert column(superuser, "select state from dreamlit.messages") == ["suppressed"]


def test_the_hash_is_salted(admin: Connection, erase: Erase, superuser: Connection) -> None:
    admin.execute("select dreamlit.suppress('bob@x.com')")
    plain = "select count(*) from dreamlit._suppressions where address_hash = sha256('bob@x.com')"
    assert value(superuser, plain) == 0


# Who it is


@pytest.mark.parametrize(
    "other", ["jbob@x.com", "bob@x.com.au", "bob@x.company", "j.bob@x.com", "j+bob@x.com"]
)
def test_a_similar_address_is_somebody_else(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection, other: str
) -> None:
    run(email(), users=0)
    add_user(app, "she", email=other)
    work(superuser, 2)
    erased = erase()
    assert set(erased.values()) == {0}
    assert [row["content"]["to"] for row in me.claim()] == [[other]]


@pytest.mark.parametrize("written", ["BOB@X.com", "Bob <BOB@X.COM>", '"Bob, the one" <bob@x.com>'])
@pytest.mark.parametrize("said", ["bob@x.com", "Bob <Bob@X.com>"])
def test_names_and_cases_do_not_matter(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection, written: str, said: str
) -> None:
    run(email(), users=0)
    add_user(app, "he", email=written)
    work(superuser, 2)
    me.deliver(me.claim()[0])
    erase(said)
    assert places(superuser) == []


@pytest.mark.parametrize(
    "text",
    [
        "bob@x.com",
        "The list:\nbob@x.com",
        "tab\tbob@x.com.",
        "mailto:bob@x.com?subject=x",
        "(bob@x.com)",
        "we wrote to bob@x.com.",
        "https://x.org/?a=bob%40x.com",
        "<a href='mailto:bob&#64;x.com'>",
    ],
)
def test_an_address_within_a_text_is_found(superuser: Connection, text: str) -> None:
    query = "select jsonb_build_object('text', %s::text)::text ~* dreamlit._mentions('bob@x.com')"
    assert value(superuser, query, text) is True


@pytest.mark.parametrize(
    "address", ["o'brien@x.com", "bob+tag@x.com", "b.o-b_1@x.com", "böb@x.com", "b*b@x.com"]
)
def test_signs_in_an_address_are_no_pattern(superuser: Connection, address: str) -> None:
    query = "select jsonb_build_object('to', %s::text)::text ~* dreamlit._mentions(%s)"
    assert value(superuser, query, f"<{address}>", address) is True
    assert value(superuser, query, "bxb@x.com bXob@x.com", address) is False


def test_an_address_is_found_as_a_page_writes_it(superuser: Connection) -> None:
    assert value(superuser, "select 'to o&#39;brien@x.com' ~* dreamlit._mentions('o''brien@x.com')") is True


@pytest.mark.parametrize("address", ["bob", "", "@x.com", "bob@", "b b@x.com", "%@x.com, a@x.com", None])
def test_what_is_no_address_is_refused(admin: Connection, address: str | None) -> None:
    with pytest.raises(psycopg.Error, match="is no address") as caught:
        admin.execute("select dreamlit.erase_person(%s)", [address])
    assert caught.value.sqlstate == "DL001"


def test_a_reader_may_not(reader: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select dreamlit.erase_person('bob@x.com')")


# Afterwards


def test_erasing_again_finds_nothing(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    me.deliver(me.claim()[0])
    erase()
    assert set(erase().values()) == {0}


def test_others_stay_as_they_are(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=3)
    bob(app, superuser)
    before = rows(superuser, "select * from dreamlit.messages where recipient <> 'bob@x.com' order by 1")
    erase()
    assert rows(superuser, "select * from dreamlit.messages where recipient is not null order by 1") == before
    assert len(me.claim()) == 3


def test_a_failed_item_that_was_erased_is_not_retried_with_the_others(
    run: Run, admin: Connection, people: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(PEOPLE, email(to="{{ person.email }}"))
    for claimed in me.claim():
        me.deliver(claimed, "failed", fault="recipient", error="no")
    erase()
    assert value(admin, "select dreamlit.retry_run(1)") == 2
    assert sorted(row["content"]["to"][0] for row in me.claim()) == ["ann@x.com", "zoe@x.com"]


def test_a_run_in_which_only_erased_items_failed_cannot_be_retried(
    run: Run, admin: Connection, people: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(PEOPLE, email(to="{{ person.email }}"))
    for claimed in me.claim():
        failed = claimed["content"]["to"] == ["bob@x.com"]
        me.deliver(claimed, *(["failed"] if failed else []), **({"fault": "recipient"} if failed else {}))
    erase()
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("select dreamlit.retry_run(1)")
    assert caught.value.sqlstate == "DL003"
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]


def test_the_address_may_come_back(
    run: Run, app: Connection, me: Sender, erase: Erase, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    erase()
    bob(app, superuser)
    assert [row["content"]["to"] for row in me.claim()] == [["bob@x.com"]]


# Beside others


def test_it_waits_for_a_worker_that_is_about_to_make_a_message(
    run: Run, app: Connection, connect: Connect, me: Sender, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser, passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    step = value(superuser, "select step_id from dreamlit._steps where name = 'tell'")
    worker, person = connect("superuser", autocommit=False), connect("admin")
    worker.execute("select dreamlit._advance(%s)", [step])
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(person.execute, "select dreamlit.erase_person('bob@x.com')")
        wait_for_lock(superuser, person)
        worker.commit()
        erasing.result()
    assert me.claim() == []
    assert places(superuser) == []


def test_a_worker_with_a_fan_out_of_the_persons_run_and_an_erasing_do_not_wait_in_a_circle(
    run: Run, people: Connection, app: Connection, connect: Connect, superuser: Connection
) -> None:
    run(PEOPLE, {**NAP, "if": "true"}, email(to="{{ trigger.email }}"), users=0)
    bob(app, superuser, passes=2)
    step = value(superuser, "select step_id from dreamlit._steps where name = 'nap'")
    worker, person = connect("superuser", autocommit=False), connect("admin")
    worker.execute("select task_id from dreamlit._tasks where step_id = %s order by 1 for update", [step])
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(person.execute, "select dreamlit.erase_person('bob@x.com')")
        wait_for_lock(superuser, person)
        worker.execute(
            "select dreamlit._settle(array(select task_id from dreamlit._tasks where step_id = %s), 'done')",
            [step],
        )
        worker.commit()
        erasing.result()
    assert column(superuser, "select state from dreamlit.runs") == ["cancelled"]
    assert places(superuser) == []


def test_a_message_posted_while_an_erasing_waits_brings_no_circle(
    run: Run, app: Connection, connect: Connect, me: Sender, superuser: Connection
) -> None:
    """The erasing holds the task and waits for the run when the message comes; a sender holds that one and wants the task."""
    run(email(), users=0)
    bob(app, superuser, passes=0)
    superuser.execute("select dreamlit._launch_runs()")
    worker, person = connect("superuser", autocommit=False), connect("admin")
    holder, reporting = connect("superuser", autocommit=False), connect("sender", autocommit=False)
    worker.execute("select dreamlit._advance(s.step_id) from dreamlit._steps as s")
    holder.execute("select from dreamlit._runs for key share")
    with ThreadPoolExecutor(2) as pool:
        erasing = pool.submit(rows, person, "select * from dreamlit.erase_person('bob@x.com')")
        wait_for_lock(superuser, person)
        worker.commit()
        (claimed,) = me.claim()
        me.report(claimed, "started")
        sent = pool.submit(Sender(reporting, "me").report, claimed, "sent")
        wait_for_lock(superuser, reporting)
        holder.commit()
        assert sent.result() == "sent"
        reporting.commit()
        erasing.result()
    assert places(superuser) == []


def test_a_report_under_way_and_an_erasing_do_not_wait_in_a_circle(
    run: Run, app: Connection, connect: Connect, me: Sender, superuser: Connection
) -> None:
    run(email(), users=0)
    bob(app, superuser)
    (claimed,) = me.claim()
    reporting, person = connect("sender", autocommit=False), connect("admin")
    Sender(reporting, "me").report(claimed, "started")
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(rows, person, "select * from dreamlit.erase_person('bob@x.com')")
        wait_for_lock(superuser, person)
        Sender(reporting, "me").report(claimed, "sent")
        reporting.commit()
        erasing.result()
    assert column(superuser, "select state from dreamlit.messages") == ["sent"]
    assert places(superuser) == []


AGAIN = (
    "select dreamlit.retry_run(1)",
    "select * from dreamlit.retry_failed('hello')",
    "select dreamlit.rerun(1)",
    "select * from dreamlit.rerun_runs('hello')",
)
"""What brings a run of the history, or its event, back."""


@pytest.fixture
def failed(run: Run, app: Connection, me: Sender, superuser: Connection) -> None:
    """Bob's run has failed, and is in the history."""
    run(email(), users=0)
    bob(app, superuser)
    me.deliver(me.claim()[0], "failed", fault="recipient")


@pytest.mark.parametrize("again", AGAIN)
def test_what_is_brought_back_meanwhile_is_erased_too(
    failed: None, again: str, connect: Connect, me: Sender, superuser: Connection
) -> None:
    operator, person = connect("admin", autocommit=False), connect("admin")
    operator.execute(again.encode())
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(person.execute, "select dreamlit.erase_person('bob@x.com')")
        wait_for_lock(superuser, person)
        operator.commit()
        erasing.result()
    work(superuser, 2)
    assert me.claim() == []
    assert places(superuser) == []
    assert "running" not in column(superuser, "select state from dreamlit.runs")


@pytest.mark.parametrize("again", AGAIN)
def test_what_is_being_erased_does_not_come_back(
    failed: None, again: str, connect: Connect, me: Sender, superuser: Connection
) -> None:
    """One run that was named is refused; of many it is left out."""
    operator, person = connect("admin"), connect("admin", autocommit=False)
    person.execute("select dreamlit.erase_person('bob@x.com')")
    with ThreadPoolExecutor(1) as pool:
        bringing = pool.submit(operator.execute, again.encode())
        wait_for_lock(superuser, operator)
        person.commit()
        error = bringing.exception()
    assert getattr(error, "sqlstate", None) == ("DL003" if "(1)" in again else None)
    work(superuser, 2)
    assert me.claim() == []
    assert places(superuser) == []
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]


def test_a_thousand_others_are_not_touched(
    run: Run, app: Connection, erase: Erase, superuser: Connection
) -> None:
    run(NAP, email(), users=0)
    add_users(app, 1000)
    bob(app, superuser)
    assert erase()["open runs cancelled"] == 1
    assert value(superuser, "select count(*) from dreamlit._runs") == 1000

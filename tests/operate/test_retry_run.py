from __future__ import annotations

import psycopg
import pytest
from tests.helpers import Connection, add_user, column, email, publish, rows, value, work, workflow

from .conftest import Run, Sender, states


def retry(connection: Connection) -> int:
    """Retry the only run."""
    found: int = value(connection, "select dreamlit.retry_run(1)")
    return found


@pytest.fixture
def rates(admin: Connection) -> Connection:
    """A table with a zero that somebody will mend."""
    admin.execute("create table public.rates (rate int)")
    admin.execute("insert into public.rates values (0)")
    return admin


RATE = {"id": "rate", "query": "select 100 / r.rate as x from public.rates r", "attempts": 1}


def test_a_failed_query_is_run_again_where_it_failed(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run(RATE, email())
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]
    rates.execute("update public.rates set rate = 5")
    assert retry(rates) == 1
    assert column(superuser, "select state from dreamlit.runs") == ["running"]
    work(superuser, 2)
    assert states(superuser, "rate") == ["done"]
    assert states(superuser, "tell") == ["sending"]


def test_what_went_well_is_not_done_again(
    run: Run, rates: Connection, me: Sender, superuser: Connection
) -> None:
    run(email("first"), {**RATE, "after": "trigger"})
    me.deliver(me.claim()[0])
    rates.execute("update public.rates set rate = 5")
    assert retry(rates) == 1
    work(superuser, 2)
    assert me.claim() == []
    (found,) = rows(superuser, "select state, done_tasks, failed_tasks, last_error from dreamlit.runs")
    assert found == {"state": "done", "done_tasks": 2, "failed_tasks": 0, "last_error": None}


def test_a_retry_that_fails_again_shows_it(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE)
    retry(rates)
    work(superuser)
    (found,) = rows(superuser, "select state, failed_tasks, last_error from dreamlit.runs")
    assert (found["state"], found["failed_tasks"]) == ("failed", 1)
    assert found["last_error"]["message"] == "division by zero"


def test_items_are_kept_for_the_retry(run: Run, rates: Connection, superuser: Connection) -> None:
    run(
        {"id": "each", "query": "select n from generate_series(1, 3) as n"},
        {"id": "rate", "query": "select 100 / r.rate + each.n as x from public.rates r", "attempts": 1},
        email(to="u{{ rate.x }}@x.org"),
    )
    rates.execute("update public.rates set rate = 5")
    assert retry(rates) == 3
    work(superuser, 2)
    assert column(superuser, "select recipient from dreamlit.messages order by 1") == [
        "u21@x.org",
        "u22@x.org",
        "u23@x.org",
    ]


def test_only_the_failed_recipient_gets_the_message_again(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(to="a@x.org, b@x.org, c@x.org"))
    one, two, three = me.claim()
    me.deliver(one)
    me.deliver(two, "failed", fault="recipient", error="full")
    me.deliver(three)
    assert column(superuser, "select state from dreamlit.runs") == ["failed"]
    assert retry(admin) == 1
    (again,) = me.claim()
    assert again["content"]["to"] == ["b@x.org"]
    assert me.deliver(again) == "sent"
    (found,) = rows(superuser, "select state, messages from dreamlit.runs")
    assert found == {"state": "done", "messages": {"sent": 3}}


def test_a_message_that_is_retried_has_all_its_attempts_again(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email(attempts=2))
    me.deliver(me.claim()[0], "failed", fault="recipient")
    retry(admin)
    (again,) = me.claim()
    assert me.deliver(again, "failed", fault="transient") == "queued"
    assert column(superuser, "select attempt from dreamlit.attempts order by attempt") == [1, 2]


def test_a_failed_template_is_rendered_again(run: Run, admin: Connection, superuser: Connection) -> None:
    step = email()
    step["email"] = {"to": "{{ trigger.email }}", "subject": "Hi", "text": "{{ 1 // (trigger.visits - 1) }}"}
    run(step)
    assert states(superuser, "tell") == ["failed"]
    assert retry(admin) == 1
    work(superuser)
    assert states(superuser, "tell") == ["failed"]


def test_a_run_retried_while_another_branch_is_open(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run({"id": "nap", "wait": "1 day"}, {**RATE, "after": "trigger"})
    rates.execute("update public.rates set rate = 5")
    assert retry(rates) == 1
    work(superuser)
    (found,) = rows(superuser, "select state, open_tasks, failed_tasks, last_error from dreamlit.runs")
    assert found == {"state": "running", "open_tasks": 1, "failed_tasks": 0, "last_error": None}


def test_it_runs_on_the_version_it_failed_on(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE, email(to="old@x.org"))
    publish(rates, workflow(email(to="new@x.org")))
    rates.execute("update public.rates set rate = 5")
    retry(rates)
    work(superuser, 2)
    assert column(superuser, "select recipient from dreamlit.messages") == ["old@x.org"]


def test_a_run_in_which_nothing_failed_is_refused(run: Run, admin: Connection) -> None:
    run({"id": "ask", "if": "false"})
    with pytest.raises(psycopg.Error, match="no failed task") as caught:
        retry(admin)
    assert caught.value.sqlstate == "DL003"


def test_an_unknown_run_is_refused(admin: Connection) -> None:
    with pytest.raises(psycopg.Error, match="no run 1") as caught:
        retry(admin)
    assert caught.value.sqlstate == "DL002"


def test_it_is_refused_while_another_run_with_its_key_is_open(
    run: Run, rates: Connection, app: Connection, superuser: Connection
) -> None:
    run(RATE, {"id": "nap", "wait": "1 day"}, key="'one'")
    rates.execute("update public.rates set rate = 5")
    add_user(app)
    work(superuser, 2)
    with pytest.raises(psycopg.Error, match="another run with the key") as caught:
        retry(rates)
    assert caught.value.sqlstate == "DL003"
    assert value(superuser, "select count(*) from dreamlit._run_history") == 1


def test_two_retries_at_once_count_once(run: Run, rates: Connection, superuser: Connection) -> None:
    run(RATE)
    assert retry(rates) == 1
    with pytest.raises(psycopg.Error, match="no failed task"):
        retry(rates)
    assert value(superuser, "select count(*) from dreamlit._tasks") == 1


def test_a_cancelled_run_with_a_failure_can_be_retried(
    run: Run, rates: Connection, superuser: Connection
) -> None:
    run({"id": "nap", "wait": "1 day"}, {**RATE, "after": "trigger"})
    rates.execute("select dreamlit.cancel_run(1)")
    rates.execute("update public.rates set rate = 5")
    assert retry(rates) == 1
    work(superuser)
    assert states(superuser, "rate") == ["done"]

"""What a run has done, line by line."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, email, rows, shift_clock, value, work

from .conftest import Run, Sender

EACH = {"id": "each", "query": "select n from generate_series(1, 3) as n"}
RATE = {"id": "rate", "query": "select 1 / (trigger.visits - 1) as x", "attempts": 2}


def log(connection: Connection, run_id: int = 1) -> list[dict[str, Any]]:
    return rows(connection, "select * from dreamlit.run_log(%s)", run_id)


def lines(connection: Connection, run_id: int = 1) -> list[tuple[str, str]]:
    return [(row["what"], row["state"]) for row in log(connection, run_id)]


def test_a_runs_log_begins_with_its_event_and_ends_with_its_state(
    run: Run, me: Sender, reader: Connection
) -> None:
    run(email())
    me.deliver(me.claim()[0])
    found = lines(reader)
    assert found[:2] == [("event", "captured"), ("run", "started")]
    assert sorted(found[2:]) == [
        ("delivery", "sent"),
        ("email", "done"),
        ("message", "made"),
        ("run", "done"),
    ]


def test_a_delivery_has_its_message_its_recipient_and_its_time(
    run: Run, me: Sender, reader: Connection
) -> None:
    run(email())
    (claimed,) = me.claim()
    me.deliver(claimed, "sent", provider="smtp")
    (delivery,) = [row for row in log(reader) if row["what"] == "delivery"]
    assert (delivery["message_id"], delivery["recipient"]) == (claimed["message_id"], "user1@example.com")
    assert (delivery["attempt"], delivery["detail"]) == (1, "smtp")
    assert delivery["seconds"] >= 0


def test_every_failed_attempt_of_a_step_stands_there_with_its_error(
    run: Run, superuser: Connection, reader: Connection
) -> None:
    run(RATE, passes=2)
    shift_clock(superuser, "1 day")
    work(superuser, 2)
    attempts = [row for row in log(reader) if row["state"] == "attempt failed"]
    assert [(row["step"], row["attempt"], row["detail"]) for row in attempts] == [
        ("rate", 1, "division by zero"),
        ("rate", 2, "division by zero"),
    ]
    assert ("run", "failed") in lines(reader)


def test_every_failed_delivery_stands_there_with_its_error(run: Run, me: Sender, reader: Connection) -> None:
    run(email())
    me.deliver(me.claim()[0], "failed", fault="recipient", code="550", error="no such user", provider="smtp")
    (delivery,) = [row for row in log(reader) if row["what"] == "delivery"]
    assert (delivery["state"], delivery["detail"]) == ("failed", "smtp 550 no such user")
    assert [
        row["detail"] for row in log(reader) if row["what"] == "message" and row["state"] == "failed"
    ] == ["no such user"]


def test_every_item_of_a_fan_out_has_its_own_lines(run: Run, reader: Connection) -> None:
    run(EACH, email(to="u{{ each.n }}@x.org"))
    made = [row for row in log(reader) if row["state"] == "made"]
    assert [row["recipient"] for row in made] == ["u1@x.org", "u2@x.org", "u3@x.org"]
    assert len({row["task_id"] for row in made}) == 3


def test_a_wait_says_until_when(run: Run, reader: Connection) -> None:
    run({"id": "nap", "wait": "1 day"}, passes=1)
    (nap,) = [row for row in log(reader) if row["step"] == "nap"]
    assert (nap["what"], nap["state"]) == ("wait", "waiting")
    assert nap["detail"].startswith("until ")


def test_what_a_person_did_to_a_run_stands_in_its_log(
    run: Run, admin: Connection, reader: Connection
) -> None:
    run({"id": "nap", "wait": "1 day"}, passes=1)
    admin.execute("select dreamlit.cancel_run(1)")
    assert ("cancel run", "by tests_admin") in lines(reader)
    assert ("run", "cancelled") in lines(reader)


def test_a_run_that_is_not_there_is_refused(run: Run, reader: Connection) -> None:
    with pytest.raises(psycopg.Error, match="there is no run 99") as caught:
        log(reader, 99)
    assert caught.value.sqlstate == "DL002"


def test_the_lines_of_another_run_are_not_among_them(run: Run, reader: Connection) -> None:
    run(email(), users=2)
    assert {row["recipient"] for row in log(reader, 2)} - {None} == {"user2@example.com"}


def test_the_lines_are_in_the_order_of_time(run: Run, me: Sender, reader: Connection) -> None:
    run(EACH, email(to="u{{ each.n }}@x.org"))
    for claimed in me.claim():
        me.deliver(claimed)
    times = [row["at"] for row in log(reader)]
    assert times == sorted(times)
    assert value(reader, "select state from dreamlit.runs") == "done"

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import (
    Connection,
    add_user,
    add_users,
    column,
    email,
    publish,
    rows,
    value,
    work,
    workflow,
)


def _launch(superuser: Connection, limit: int = 2000) -> int:
    found: int = value(superuser, "select dreamlit._launch_runs(%s)", limit)
    return found


def test_each_event_becomes_one_run(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow(email()))
    add_users(app, 25)
    assert _launch(superuser) == 25
    assert _launch(superuser) == 0
    assert value(superuser, "select count(distinct payload -> 'trigger' ->> 'name') from dreamlit.runs") == 25
    assert value(superuser, "select count(distinct event_id) from dreamlit.event_log") == 25
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0


def test_each_workflow_on_the_table_gets_its_own_run(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email(), name="one"))
    publish(admin, workflow(email(), name="two"))
    add_user(app)
    _launch(superuser)
    assert column(superuser, "select workflow from dreamlit.runs order by 1") == ["one", "two"]


def test_runs_start_in_the_order_of_the_events(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    add_user(app, "first")
    add_users(app, 3)
    add_user(app, "last")
    _launch(superuser)
    found = column(superuser, "select payload -> 'trigger' ->> 'name' from dreamlit.runs order by event_id")
    assert found == ["first", "user1", "user2", "user3", "last"]
    by_run = column(superuser, "select payload -> 'trigger' ->> 'name' from dreamlit.runs order by run_id")
    assert by_run == found


def test_a_batch_takes_about_as_many_events_as_it_may(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    for _ in range(6):
        add_users(app, 5)
    assert _launch(superuser, 10) == 10
    assert _launch(superuser, 12) == 15
    assert _launch(superuser, 12) == 5


def test_a_message_larger_than_the_batch_is_still_taken(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    add_users(app, 50)
    assert _launch(superuser, 10) == 50


def test_the_event_log_shows_an_event_before_and_after(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    add_user(app, "ann")
    query = (
        "select workflow, version, operation, payload -> 'trigger' ->> 'name' as name,"
        " run_id is null as waits from dreamlit.event_log"
    )
    expected = {"workflow": "hello", "version": 1, "operation": "insert", "name": "ann"}
    assert rows(superuser, query) == [{**expected, "waits": True}]
    work(superuser)
    assert rows(superuser, query) == [{**expected, "waits": False}]


# Keys


def test_at_most_one_run_is_open_per_key(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, email(), key="new.plan"))
    add_user(app, "a", plan="pro")
    add_user(app, "b", plan="pro")
    add_user(app, "c", plan="free")
    work(superuser)
    found = rows(
        superuser, "select key, payload -> 'trigger' ->> 'email' as email from dreamlit.runs order by run_id"
    )
    assert found == [{"key": "pro", "email": "a@example.com"}, {"key": "free", "email": "c@example.com"}]
    (ignored,) = rows(
        superuser,
        "select key, run_id, ignored_because from dreamlit.event_log where ignored_because is not null",
    )
    assert ignored == {"key": "pro", "run_id": None, "ignored_because": "a run with this key was open"}


def test_the_first_of_a_statement_wins_the_key(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, email(), key="'all'"))
    add_users(app, 10)
    _launch(superuser)
    assert column(superuser, "select payload -> 'trigger' ->> 'name' from dreamlit.runs") == ["user1"]
    assert value(superuser, "select count(*) from dreamlit._ignored_events") == 9


def test_a_key_is_free_again_after_the_run(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow({"id": "ask", "if": "true"}, key="new.plan"))
    for name in ("a", "b"):
        add_user(app, name, plan="pro")
        work(superuser, 2)
    assert column(superuser, "select state from dreamlit.runs") == ["done", "done"]


def test_a_null_key_limits_nothing(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, key="new.plan"))
    add_users(app, 3)
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.runs") == 3


def test_keys_of_two_workflows_do_not_meet(admin: Connection, app: Connection, superuser: Connection) -> None:
    for name in ("one", "two"):
        publish(admin, workflow({"id": "nap", "wait": "1 day"}, name=name, key="new.plan"))
    add_user(app, plan="pro")
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.runs") == 2


def test_the_key_holds_over_versions(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, key="new.plan"))
    add_user(app, "a", plan="pro")
    work(superuser)
    publish(admin, workflow({"id": "nap", "wait": "2 days"}, key="new.plan"))
    add_user(app, "b", plan="pro")
    work(superuser)
    assert column(superuser, "select version from dreamlit.runs") == [1]


# Strange messages


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"hello": "world"},
        {"version": 4711, "operation": "insert", "events": []},
        {"version": 1, "operation": "insert", "events": {}},
        {"version": 1, "operation": "insert"},
        {"version": "x", "events": []},
        {"version": 1.5, "events": []},
        {"version": None, "events": []},
        {"version": 1, "events": [1]},
        {"version": 1, "operation": "insert", "events": [None]},
        {"version": 1, "operation": "insert", "events": [{"no": "trigger"}]},
        {"version": 1, "events": [{"trigger": {}}]},
        {"version": 10**30, "events": []},
        [1, 2],
        "text",
        None,
    ],
)
def test_a_strange_message_is_kept_aside_and_holds_up_nobody(
    admin: Connection, app: Connection, superuser: Connection, message: object
) -> None:
    publish(admin, workflow(email()))
    superuser.execute("select pgmq.send('dreamlit_events', %s::jsonb)", [Jsonb(message)])
    add_user(app)
    superuser.execute("select * from dreamlit.event_log")
    superuser.execute("select dreamlit._drop_unused_versions()")
    work(superuser)
    assert column(superuser, "select payload -> 'trigger' ->> 'email' from dreamlit.runs") == [
        "ann@example.com"
    ]
    assert column(superuser, "select message from pgmq.a_dreamlit_events") == [message]
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0
    assert column(superuser, "select last_error from dreamlit._workers") == [None]


def test_strange_headers_do_no_harm(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow(email()))
    superuser.execute("select pgmq.send('dreamlit_events', '{}'::jsonb, '{\"events\": \"many\"}'::jsonb)")
    add_user(app)
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.runs") == 1


# Pause, versions


def test_a_paused_workflow_starts_its_runs_but_moves_none(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    admin.execute("select dreamlit.pause('hello')")
    add_users(app, 3)
    work(superuser, 2)
    assert column(superuser, "select state from dreamlit.runs") == ["paused"] * 3
    assert column(superuser, "select state from dreamlit.tasks") == ["due"] * 3
    admin.execute("select dreamlit.resume('hello')")
    work(superuser)
    assert column(superuser, "select state from dreamlit.tasks") == ["sending"] * 3


def test_an_event_captured_under_a_version_runs_on_it_after_the_next_is_published(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow({"id": "one", "query": "select 'old' as word"}, email(to="{{ one.word }}@x.org")))
    add_user(app, "a")
    publish(admin, workflow({"id": "two", "query": "select 'new' as word"}, email(to="{{ two.word }}@x.org")))
    add_user(app, "b")
    work(superuser, 3)
    found = rows(superuser, "select version, run_id from dreamlit.runs order by run_id")
    assert [row["version"] for row in found] == [1, 2]
    assert column(superuser, "select recipient from dreamlit.messages order by run_id") == [
        "old@x.org",
        "new@x.org",
    ]


def test_a_run_under_way_finishes_on_its_version(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow({"id": "nap", "wait": "0"}, email(to="old@x.org")))
    add_user(app)
    superuser.execute("select dreamlit._launch_runs()")
    publish(admin, workflow(email(to="new@x.org")))
    work(superuser, 3)
    assert column(superuser, "select recipient from dreamlit.messages") == ["old@x.org"]


def test_events_of_an_unpublished_workflow_still_run(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    add_user(app)
    admin.execute("select dreamlit.unpublish('hello')")
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.messages") == 1


# By hand


def test_start_returns_the_run(admin: Connection, superuser: Connection) -> None:
    publish(admin, workflow(email()))
    run_id = value(admin, 'select dreamlit.start(\'hello\', \'{"email": "a@x.org", "name": "a"}\')')
    assert column(superuser, "select run_id from dreamlit.runs") == [run_id]
    work(superuser)
    assert column(superuser, "select recipient from dreamlit.messages") == ["a@x.org"]


def test_start_respects_the_key(admin: Connection) -> None:
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, key="new.plan"))
    admin.execute("select dreamlit.start('hello', '{\"plan\": \"pro\"}')")
    with pytest.raises(psycopg.Error, match="open run with the key pro") as caught:
        admin.execute("select dreamlit.start('hello', '{\"plan\": \"pro\"}')")
    assert caught.value.sqlstate == "DL003"


def test_start_that_is_rolled_back_leaves_no_run(admin: Connection, superuser: Connection) -> None:
    publish(admin, workflow(email()))
    with admin.transaction(force_rollback=True):
        admin.execute("select dreamlit.start('hello', '{}')")
    assert rows(superuser, "select from dreamlit.runs") == []


def test_start_takes_its_own_event_only(admin: Connection, app: Connection, superuser: Connection) -> None:
    publish(admin, workflow(email()))
    add_user(app, "waits")
    run_id = value(admin, "select dreamlit.start('hello', '{\"name\": \"mine\"}')")
    found = rows(superuser, "select run_id, payload -> 'trigger' ->> 'name' as name from dreamlit.runs")
    assert found == [{"run_id": run_id, "name": "mine"}]
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 1


# Behind a crowd --------------------------------------------------------------------------------------


def _add_one_by_one(app: Connection, number: int, name: str) -> None:
    """A message of the event queue for each."""
    app.execute(
        f"do $$ begin for i in 1 .. {number} loop insert into public.users (name, email)"
        f" values ('{name}', 'a@example.com'); end loop; end $$".encode()
    )


def _started(superuser: Connection) -> dict[str, int]:
    return {
        str(row["workflow"]): int(str(row["runs"]))
        for row in rows(superuser, "select workflow, count(*) as runs from dreamlit.runs group by workflow")
    }


def _publish_three(admin: Connection) -> None:
    for name in ("flood", "ebb", "drop"):
        publish(admin, workflow(email(), name=name, when=f"new.name = '{name}'"))


def test_an_event_of_another_workflow_overtakes_a_crowd(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    _publish_three(admin)
    _add_one_by_one(app, 300, "flood")
    _add_one_by_one(app, 3, "drop")
    assert _launch(superuser, 40) == 40
    assert _launch(superuser, 40) == 43
    assert _started(superuser) == {"flood": 80, "drop": 3}


def test_a_crowd_of_many_rows_a_statement_is_overtaken_too(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    _publish_three(admin)
    add = "insert into public.users (name, email) select %s, 'a@example.com' from generate_series(1, %s)"
    for _ in range(2):
        app.execute(add, ["flood", 30_000])
    app.execute(add, ["drop", 10])
    _launch(superuser, 1000)
    _launch(superuser, 1000)
    assert _started(superuser) == {"flood": 2000, "drop": 10}


def test_who_overtakes_is_no_crowd_and_leaves_room_for_others(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    _publish_three(admin)
    for name, number in (("flood", 300), ("ebb", 300), ("drop", 3)):
        _add_one_by_one(app, number, name)
    _launch(superuser, 40)
    _launch(superuser, 40)
    assert _started(superuser) == {"flood": 80, "ebb": 10, "drop": 3}


def test_what_was_overtaken_starts_in_its_turn_and_nothing_twice(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    _publish_three(admin)
    for name, number in (("flood", 300), ("ebb", 300), ("drop", 3), ("flood", 50), ("drop", 3)):
        _add_one_by_one(app, number, name)
    while _launch(superuser, 40):
        pass
    assert _started(superuser) == {"flood": 350, "ebb": 300, "drop": 6}
    assert value(superuser, "select count(distinct event_id) from dreamlit.runs") == 656
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0


def test_without_a_crowd_nobody_overtakes(admin: Connection, app: Connection, superuser: Connection) -> None:
    _publish_three(admin)
    _add_one_by_one(app, 5, "flood")
    _add_one_by_one(app, 1, "drop")
    _launch(superuser, 40)
    assert _started(superuser) == {"flood": 5, "drop": 1}
    assert value(superuser, "select current_setting('dreamlit.looked_ahead', true)") in (None, "")

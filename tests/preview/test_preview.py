"""dreamlit.preview: what a workflow would send for a row, with nothing sent and nothing kept."""

from __future__ import annotations

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
    email,
    publish,
    rows,
    slack,
    value,
    work,
    workflow,
)

from dreamlit_pg.client import Client
from dreamlit_pg.rendering import references

pytestmark = pytest.mark.usefixtures("users")
KEPT = ("_runs", "_tasks", "_task_history", "_run_history", "_messages", "_failures", "_ignored_events")


def kept(superuser: Connection) -> dict[str, int]:
    counts = {table: value(superuser, f"select count(*) from dreamlit.{table}") for table in KEPT}
    queues = column(superuser, "select queue_name from pgmq.list_queues()")
    return counts | {queue: value(superuser, f"select count(*) from pgmq.q_{queue}") for queue in queues}


def subjects(connection: Connection, name: str = "hello", **options: Any) -> list[str]:
    found = Client(connection).preview(name, **options)
    return [str((message.content or message.error or {}).get("text")) for message in found]


def test_the_newest_row_is_shown(admin: Connection, app: Connection) -> None:
    publish(admin, workflow(email()))
    add_users(app, 3)
    [message] = Client(admin).preview("hello")
    assert message.content is not None
    assert (message.step, message.channel, message.content["to"]) == ("tell", "email", ["user3@example.com"])


def test_a_row_is_read_by_its_primary_key(admin: Connection, app: Connection) -> None:
    publish(admin, workflow(email()))
    add_users(app, 3)
    assert subjects(admin, row="2") == ["Hello user2"]


def test_a_payload_stands_for_a_row(admin: Connection) -> None:
    publish(admin, workflow(email()))
    found = Client(admin).preview("hello", payload={"name": "Zoë", "email": "zoe@example.com"})
    assert [message.content and message.content["text"] for message in found] == ["Hello Zoë"]


def test_a_key_of_several_columns_is_a_json_object(admin: Connection) -> None:
    admin.execute("create table public.seats (hall text, seat integer, name text, primary key (hall, seat))")
    admin.execute("insert into public.seats values ('A', 1, 'ann'), ('A', 2, 'bob')")
    step = email(to="a@example.com")
    definition = {**workflow(step), "trigger": {"table": "public.seats", "on": "insert"}}
    publish(admin, definition)
    assert subjects(admin, row='{"hall": "A", "seat": 1}') == ["Hello ann"]
    with pytest.raises(Exception, match="is no primary key of"):
        subjects(admin, row="A")


def test_nothing_of_a_preview_is_kept(admin: Connection, app: Connection, superuser: Connection) -> None:
    failing = {"id": "bad", "after": "trigger", "query": "select 1 / (trigger.visits - 7) as n"}
    publish(admin, workflow(email(), slack(), failing))
    add_user(app, visits=7)
    work(superuser)
    before = kept(superuser)
    assert len(Client(admin).preview("hello")) == 3
    assert kept(superuser) == before


def test_open_runs_of_others_are_not_touched(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow({"id": "nap", "wait": "1 hour"}, email()))
    add_users(app, 2)
    work(superuser)
    before = rows(superuser, "select * from dreamlit._tasks order by task_id")
    with admin.transaction():
        assert len(Client(admin).preview("hello")) == 1
        assert rows(superuser, "select * from dreamlit._tasks order by task_id") == before


def test_waits_are_over_at_once(admin: Connection, app: Connection) -> None:
    publish(
        admin,
        workflow(
            {"id": "nap", "wait": "3 days"},
            {"id": "later", "wait": {"until": "timestamptz '3000-01-01'"}},
            email(),
        ),
    )
    add_user(app)
    assert subjects(admin) == ["Hello ann"]


def test_steps_below_a_message_go_on(admin: Connection, app: Connection) -> None:
    publish(admin, workflow(email("one"), email("two")))
    add_user(app)
    assert [message.step for message in Client(admin).preview("hello")] == ["one", "two"]


def test_conditions_decide_as_they_would_now_unless_all_branches_are_taken(
    admin: Connection, app: Connection
) -> None:
    publish(admin, workflow(email("rich", **{"if": "trigger.visits > 5"}), email("plain", after="trigger")))
    add_user(app, visits=1)
    assert [message.step for message in Client(admin).preview("hello")] == ["plain"]
    found = Client(admin).preview("hello", all_branches=True)
    assert [message.step for message in found] == ["rich", "plain"]


def test_queries_run_and_a_fan_out_shows_25(admin: Connection, app: Connection) -> None:
    query = {"id": "n", "query": "select g as number from generate_series(1, 1000) as g"}
    step = email()
    step["email"] = {"to": "a@example.com", "subject": "s", "text": "{{ n.number }}"}
    publish(admin, workflow(query, step))
    add_user(app)
    assert len(set(subjects(admin))) == 25


def test_one_step_is_shown_alone(admin: Connection, app: Connection) -> None:
    publish(admin, workflow(email(), slack()))
    add_user(app)
    assert [message.step for message in Client(admin).preview("hello", step="team")] == ["team"]
    with pytest.raises(Exception, match="has no step tame that sends"):
        Client(admin).preview("hello", step="tame")


def test_a_failing_query_is_shown_with_its_error(admin: Connection, app: Connection) -> None:
    publish(admin, workflow({"id": "n", "query": "select 1 / trigger.visits as x"}, email()))
    add_user(app, visits=0)
    [message] = Client(admin).preview("hello")
    assert message.channel is None
    assert message.error == {"code": "22012", "message": "division by zero"}


def test_a_failing_template_is_shown_with_its_field(admin: Connection, app: Connection) -> None:
    step = email()
    step["email"] = {"to": "{{ trigger.name }}", "subject": "s", "text": "t"}
    publish(admin, workflow(step))
    add_user(app)
    [message] = Client(admin).preview("hello")
    assert message.error is not None
    assert (message.error["field"], message.error["code"]) == ("to", "address")


def test_the_old_row_of_an_update_is_the_row_itself(admin: Connection, app: Connection) -> None:
    step = email()
    step["email"] = {"to": "a@example.com", "subject": "s", "text": "{{ old.plan }} {{ trigger.plan }}"}
    publish(admin, workflow(step, on="update"))
    add_user(app, plan="free")
    assert subjects(admin) == ["free free"]


def test_a_renamed_column_is_read_under_its_name_of_today(admin: Connection, app: Connection) -> None:
    publish(admin, workflow(email()))
    add_user(app)
    admin.execute("alter table public.users rename column name to full_name")
    admin.execute("alter table public.users rename to people")
    assert subjects(admin) == ["Hello ann"]


def test_a_definition_is_previewed_without_being_published(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    add_user(app)
    before = kept(superuser)
    definition = workflow(email())
    found = Client(admin).preview(definition, row="1")
    assert [message.content and message.content["text"] for message in found] == ["Hello ann"]
    assert kept(superuser) == before
    assert value(superuser, "select count(*) from dreamlit._versions") == 0
    assert (
        value(
            superuser, "select count(*) from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace"
        )
        == 0
    )


def test_previewing_a_definition_locks_no_writer_out(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    writer = connect("app", autocommit=False)
    add_user(writer, "bob")
    found = Client(admin).preview(workflow(email()), payload={"name": "Ann", "email": "ann@example.com"})
    assert len(found) == 1


def test_a_change_to_a_published_workflow_leaves_the_published_one(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    add_user(app)
    changed = email()
    changed["email"] = {"to": "{{ trigger.email }}", "subject": "s", "text": "Changed"}
    [message] = Client(admin).preview(workflow(changed))
    assert message.content is not None
    assert message.content["text"] == "Changed"
    assert subjects(admin) == ["Hello ann"]
    work(superuser, 2)
    assert column(superuser, "select content ->> 'text' from dreamlit._messages") == ["Hello ann"]


def test_faults_of_a_definition_are_those_of_publishing(admin: Connection, app: Connection) -> None:
    add_user(app)
    with pytest.raises(Exception, match="nothing here is called trigge"):
        Client(admin).preview(workflow(email(to="{{ trigge.email }}")))


def test_where_the_senders_render_the_client_does(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    step = email()
    definition = workflow({"id": "n", "query": "select 19.90::numeric as price"}, step)
    step["email"] = {"to": "{{ trigger.email }}", "subject": "s", "text": "{{ n.price }}"}
    definition["references"] = {"steps[1].email": references(step["email"], {})}
    publish(admin, definition)
    add_user(app)
    assert subjects(admin) == ["19.90"]


def test_a_row_is_read_with_the_callers_own_rights(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(admin, workflow(email()))
    add_user(app)
    superuser.execute("create role stranger login in role dreamlit_admin")
    superuser.execute("grant usage on schema public to stranger")
    try:
        superuser.execute("set session authorization stranger")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table users"):
            superuser.execute("select * from dreamlit.preview('hello')")
    finally:
        superuser.execute("reset session authorization")
        superuser.execute("drop owned by stranger; drop role stranger")


def test_a_reader_and_a_sender_may_not_preview(reader: Connection, sender: Connection) -> None:
    for session in (reader, sender):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select * from dreamlit.preview('hello')")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("99", "has no row 99"),
        ("x'; drop table users --", "is no primary key of"),
        (None, "has no row to show"),
    ],
)
def test_a_row_that_is_not_there(admin: Connection, row: str | None, message: str) -> None:
    publish(admin, workflow(email()))
    with pytest.raises(Exception, match=message):
        Client(admin).preview("hello", row=row)


def test_a_payload_that_does_not_fit_says_so(admin: Connection) -> None:
    publish(admin, workflow(email()))
    with pytest.raises(psycopg.Error, match="reads no field nmae"):
        admin.execute("select * from dreamlit.preview('hello', payload => %s)", [Jsonb({"nmae": "x"})])


def test_a_workflow_that_is_called_wants_a_payload(admin: Connection) -> None:
    definition = {**workflow(email()), "trigger": {"call": {"name": "text", "email": "text"}}}
    publish(admin, definition)
    with pytest.raises(Exception, match="is started by a call"):
        Client(admin).preview("hello")
    assert subjects(admin, payload={"name": "Ann", "email": "ann@example.com"}) == ["Hello Ann"]

"""What a publisher may try to run as somebody else: the engine, another publisher, a superuser, a user of the application.

Mallory is a member of dreamlit_admin, as the others who publish are.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    add_user,
    column,
    create_users,
    email,
    publish,
    rows,
    shift_clock,
    value,
    work,
    workflow,
)
from tests.security.conftest import Publish, mail, ran_as, steal

EACH = {"id": "each", "query": "select 1 as n", "attempts": 1}
COMPILED = "dreamlit_workflows.lure_v1_each_query(bigint[], jsonb[])"


def replace_compiled(mallory: Connection, columns: str, body: str, rights: str = "security definer") -> None:
    """Puts another function in the place of the step's compiled one."""
    mallory.execute(f"drop function {COMPILED}".encode())
    mallory.execute(
        f"create function {COMPILED} returns table ({columns}) language sql {rights} as $$ {body} $$".encode()
    )


def errors(superuser: Connection, step: str = "each") -> list[str]:
    return column(superuser, "select error ->> 'sqlstate' from dreamlit.tasks where step = %s", step)


# Through what the engine calls


@pytest.mark.parametrize(
    ("option", "answer"), [("security invoker", "DL004"), ("owner to tests_app", "DL004")]
)
def test_a_compiled_function_that_would_run_as_the_engine_is_not_called(
    mallory: Connection, lure: Publish, superuser: Connection, option: str, answer: str
) -> None:
    lure(EACH)
    superuser.execute(f"alter function {COMPILED} {option}".encode())
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert errors(superuser) == [answer]


def test_an_overload_that_takes_text_is_not_what_the_doctor_calls(
    mallory: Connection, lure: Publish, superuser: Connection, admin: Connection
) -> None:
    lure(EACH)
    steal(mallory, "dreamlit_workflows.lure_v1_each_query(text, text)")
    for connection in (superuser, admin):
        assert rows(connection, "select * from dreamlit.doctor() where name = 'workflow lure'")
    assert ran_as(superuser) == set()


def test_an_overload_made_before_is_not_what_another_publisher_calls_while_publishing(
    mallory: Connection, admin: Connection, superuser: Connection
) -> None:
    create_users(admin)
    steal(mallory, "dreamlit_workflows.hello_v1_each_query(text, text)")
    steal(mallory, "dreamlit_workflows.hello_v1_each_if(text, text)")
    publish(admin, workflow({**EACH, "if": "true"}))
    assert ran_as(superuser) == set()


def test_a_cast_of_the_publishers_does_not_run_as_the_engine(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure(EACH)
    mallory.execute("create type lair.kind as enum ('a')")
    steal(mallory, "lair.disguise(lair.kind)", "json", "'1'")
    mallory.execute("create cast (lair.kind as json) with function lair.disguise(lair.kind)")
    replace_compiled(mallory, "item_id bigint, result lair.kind", "select $1[1], 'a'::lair.kind")
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert ran_as(superuser) == set()
    assert errors(superuser) == ["DL004"]


def test_a_cast_to_the_type_of_an_id_does_not_run_as_the_engine(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure(EACH)
    mallory.execute("create type lair.kind as enum ('a')")
    steal(mallory, "lair.disguise(lair.kind)", "bigint", "1")
    mallory.execute("create cast (lair.kind as bigint) with function lair.disguise(lair.kind) as implicit")
    replace_compiled(mallory, "item_id lair.kind, result jsonb", "select 'a'::lair.kind, '1'::jsonb")
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert ran_as(superuser) == set()
    assert errors(superuser) == ["DL004"]


def test_a_step_that_names_sql_as_its_function_does_not_run_it(
    mallory: Connection, superuser: Connection
) -> None:
    """_save_version is a door of its own: what it stores is called by its catalog name, never as text."""
    steal(mallory, "lair.get()")
    trick = """bait/*"*/as/**/f,query_to_xml('select/**/lair'||chr(46)||'get()',true,true,'')/*"*/--"""
    name = trick[:63].replace('"', '""')
    mallory.execute("create table dreamlit_workflows.bait (item_id bigint, result integer)")
    mallory.execute("insert into dreamlit_workflows.bait values (1, 1)")
    mallory.execute("grant select on dreamlit_workflows.bait to public")
    mallory.execute(
        f'create function dreamlit_workflows."{name}"(bigint[], jsonb[]) returns integer'
        " language sql security definer as 'select 1'".encode()
    )
    (begun,) = rows(
        mallory, """select * from dreamlit._begin_version('{"workflow": "lure"}', current_user)"""
    )
    step = {
        "position": 1, "name": "each", "kind": "query", "parent": "trigger",
        "settings": {"attempts": 1}, "sql_function": f"dreamlit_workflows.{trick}",
    }  # fmt: skip
    mallory.execute(
        "select dreamlit._save_version(%s, %s, %s, %s, current_user, %s, '{}', 'public')",
        [
            *(begun[key] for key in ("workflow_id", "version_id", "version")),
            Jsonb({"workflow": "lure"}),
            Jsonb({"operations": [], "capture": {}, "steps": [step]}),
        ],
    )
    mallory.execute("""select dreamlit._enqueue(%s, 'insert', '[{"trigger": {}}]')""", [begun["version_id"]])
    work(superuser, 2)
    assert len(errors(superuser)) == 1  # the step has run
    superuser.execute("select * from dreamlit.doctor()")
    assert ran_as(superuser) == set()


def test_a_version_cannot_be_stored_in_the_name_of_another_publisher(
    mallory: Connection, admin: Connection
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        mallory.execute("""select * from dreamlit._begin_version('{"workflow": "lure"}', 'tests_admin')""")
    assert raised.value.sqlstate == "DL004"


def test_a_version_that_was_begun_cannot_be_stored_for_another_publisher(
    mallory: Connection, superuser: Connection, admin: Connection
) -> None:
    (begun,) = rows(
        mallory, """select * from dreamlit._begin_version('{"workflow": "lure"}', current_user)"""
    )
    with pytest.raises(psycopg.Error) as raised:
        mallory.execute(
            "select dreamlit._save_version(%s, %s, 1, '{}', 'tests_admin', '{\"operations\": [], \"steps\": []}', '{}', 'public')",
            [begun["workflow_id"], begun["version_id"]],
        )
    assert raised.value.sqlstate == "DL004"
    assert column(superuser, "select publisher from dreamlit._versions") == []


def test_an_answer_about_the_tasks_of_another_run_is_ignored(
    mallory: Connection, lure: Publish, admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, email()))
    add_user(app)
    lure(EACH, mail())
    replace_compiled(
        mallory,
        "item_id bigint, result jsonb",
        """select t, '{"n": 1}'::jsonb from generate_series(1, 99) as t""",
    )
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 3)
    assert column(superuser, "select count(*) from dreamlit.tasks where workflow = 'hello'") == [1]
    assert column(superuser, "select distinct workflow from dreamlit.tasks where step = 'mine'") == ["lure"]


def test_a_wait_cannot_end_the_tasks_of_another_run(
    mallory: Connection, lure: Publish, admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, email()))
    add_user(app)
    work(superuser)
    lure({"id": "each", "wait": {"until": "now()"}, "attempts": 1})
    name = "dreamlit_workflows.lure_v1_each_until(bigint[], jsonb[])"
    mallory.execute(f"drop function {name}".encode())
    mallory.execute(
        f"create function {name} returns table (item_id bigint, result timestamptz) language sql security definer"
        " as 'select t, now() from generate_series(1, 99) as t'".encode()
    )
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert column(superuser, "select state from dreamlit.tasks where step = 'nap'") == ["waiting"]


# Through the session that the engine works in

SESSION_TRICKS = [
    "set role postgres",
    "set local role dreamlit_owner",
    "reset role",
    "set session authorization postgres",
    "reset session authorization",
    "perform pg_catalog.set_config('role', 'postgres', false)",
    "perform pg_catalog.set_config('session_authorization', 'postgres', false)",
    "set session_replication_role = replica",
    "discard all",
    "load 'plpgsql'",
    "copy (select 1) to program 'true'",
    "perform pg_catalog.pg_read_file('/etc/passwd')",
    "perform pg_catalog.lo_export(1, '/tmp/x')",
    "grant dreamlit_owner to tests_mallory",
    "create or replace function dreamlit._now() returns timestamptz language sql as 'select now()'",
    "alter function dreamlit._now() owner to tests_mallory",
    "alter table dreamlit._runs disable trigger all",
    "update dreamlit._settings set value = '1'",
    "perform count(*) from dreamlit._versions",
    "delete from pgmq.q_dreamlit_events",
    "perform dreamlit._run_python('render_batch', '[]')",
    "perform dreamlit._settle(array[1::bigint], 'done')",
    "perform dreamlit.claim('email', 'mallory', 10)",
]


def test_a_function_that_a_query_calls_cannot_become_somebody_else(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    for number, trick in enumerate(SESSION_TRICKS):
        mallory.execute(
            f"create function lair.trick{number}(integer) returns name language plpgsql as"
            f" $$ begin {trick}; return current_user; end $$".encode()
        )
        query = f"select lair.trick{number}(trigger.id) as n"
        lure({"id": "each", "query": query, "attempts": 1}, name=f"lure{number}")
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    ended = rows(superuser, "select workflow, state, error ->> 'sqlstate' as code from dreamlit.tasks")
    assert len(ended) == len(SESSION_TRICKS)
    done = [SESSION_TRICKS[int(task["workflow"][4:])] for task in ended if task["state"] != "failed"]
    assert done == []
    assert {task["code"] for task in ended} <= {
        "42501",  # permission denied, must be owner
        "42601",  # no such statement in a function
        "25001",  # not within a transaction
        "0LP01",  # no grant of a role that is not one's own
    }
    assert rows(superuser, "select current_user as who, session_user as login") == [
        {"who": "postgres", "login": "postgres"}
    ]


@pytest.mark.parametrize("setting", ["role", "session_authorization"])
def test_a_compiled_function_with_a_setting_of_its_own_cannot_become_somebody_else(
    mallory: Connection, lure: Publish, superuser: Connection, setting: str
) -> None:
    """PostgreSQL refuses the setting when the function is altered or when it is called."""
    lure(EACH)
    try:
        mallory.execute(f"alter function {COMPILED} set {setting} to 'dreamlit_owner'".encode())
    except psycopg.Error:
        mallory.execute(f"alter function {COMPILED} set {setting} to 'tests_mallory'".encode())
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert column(superuser, "select state from dreamlit.tasks") == ["failed"]


@pytest.mark.parametrize(
    "step",
    [
        {"id": "each", "query": "select lair.trick(trigger.id) as n"},
        {"id": "each", "if": "lair.trick(trigger.id) = 1"},
        {"id": "each", "wait": {"until": "now() + lair.trick(trigger.id) * interval '1 day'"}},
    ],
    ids=["query", "if", "until"],
)
def test_a_search_path_changed_by_a_query_does_not_lead_the_engine_to_functions_of_mallorys(
    mallory: Connection, lure: Publish, superuser: Connection, step: dict[str, object]
) -> None:
    """SET in an inner function outlives the pins of those around it: without a guard this ran as the engine."""
    mallory.execute(
        "create function lair.trick(integer) returns integer language plpgsql as $$ begin set search_path = lair, pg_catalog; return 1; end $$"
    )
    steal(mallory, "lair.set_config(text, text, boolean)", "text", "$2")
    steal(mallory, "lair.array_position(timestamptz[], timestamptz)")
    steal(mallory, "lair.cardinality(bigint[])")
    lure({**step, "attempts": 1})
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 3)
    superuser.execute("select count(*) from dreamlit.doctor()")
    assert errors(superuser) == ["DL004"]
    assert ran_as(superuser) <= {"tests_mallory"}
    assert value(superuser, "show search_path") == '"$user", public'


def test_starting_a_run_does_not_hand_a_superusers_session_over(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    mallory.execute(
        "create function lair.trick(integer) returns text language plpgsql as"
        " $$ begin set search_path = lair, pg_catalog; return 'k'; end $$"
    )
    lure(EACH, key="lair.trick(new.id)")
    with pytest.raises(psycopg.Error) as raised:
        superuser.execute("""select dreamlit.start('lure', '{"id": 1}')""")
    assert raised.value.sqlstate == "DL004"
    assert value(superuser, "show search_path") == '"$user", public'


def test_temporary_objects_do_not_come_before_the_engines(mallory: Connection, lure: Publish) -> None:
    """pg_temp stands last in every pinned path, and is never searched for functions and operators."""
    lure(mail("tell"))
    for name in ("pg_proc", "pg_class", "pg_roles", "_settings", "_workflows", "jsonb"):
        mallory.execute(f"create temporary table {name} (name text, rolname text, rolsuper boolean)".encode())
    steal(mallory, "pg_temp.format(text, text)", "text", "$1")
    steal(mallory, "pg_temp.to_regprocedure(text)", "regprocedure", "null")
    mallory.execute("create domain pg_temp.regprocedure as text")
    lure(mail("tell"), mail("again"))
    assert value(mallory, """select dreamlit.start('lure', '{"id": 1}')""") > 0
    mallory.execute("select dreamlit.pause('lure')")
    mallory.execute("select dreamlit.unpublish('lure')")
    assert column(mallory, "select ran_as from public.loot") == []


def test_functions_and_operators_in_the_callers_path_are_not_what_the_engine_calls(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    steal(mallory, "lair.format(text, text)", "text", "$1")
    steal(mallory, "lair.jsonb_typeof(jsonb)", "text", "'object'")
    steal(mallory, "lair.same(text, text)", "boolean", "true")
    mallory.execute("create operator lair.= (leftarg = text, rightarg = text, function = lair.same)")
    lure(EACH)
    superuser.execute("set search_path = lair, pg_catalog")
    superuser.execute("""select dreamlit.start('lure', '{"id": 1}')""")
    superuser.execute("call dreamlit.work(0)")
    superuser.execute("select count(*) from dreamlit.doctor()")
    superuser.execute("select dreamlit.unpublish('lure')")
    superuser.execute("reset search_path")
    assert ran_as(superuser) == set()


def test_another_server_connection_is_not_opened_as_the_engine(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    """dblink asks everyone but superusers for a password that was used: the engine has none to lend."""
    if value(superuser, "select count(*) from pg_available_extensions where name = 'dblink'") == 0:
        pytest.skip("this server has no dblink")
    superuser.execute("create extension dblink with schema public")
    dsn = superuser.info.dsn.replace("'", "''")
    mallory.execute(
        "create function lair.trick(integer) returns text language plpgsql as $$ begin"
        f" return (select who from public.dblink('{dsn}', 'select current_user::text') as d(who text)); end $$".encode()
    )
    lure({"id": "each", "query": "select lair.trick(trigger.id) as n", "attempts": 1})
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 2)
    assert errors(superuser) == ["2F003"]  # password is required


# Through names that somebody else is about to use


@pytest.mark.parametrize(
    "squat",
    [
        "create type dreamlit_workflows.hello_v1_trigger as (user_id integer)",
        "create type dreamlit_workflows.hello_v1_each as (n integer)",
        "create domain dreamlit_workflows.hello_v1_old as text",
        "create table dreamlit_workflows.hello_v1_trigger (user_id integer)",
        "create view dreamlit_workflows.dreamlit_probe as select 1 as n",
        "create function dreamlit_workflows.hello_v1_each_query(bigint[], jsonb[]) returns integer language sql as 'select 1'",
        "create function dreamlit_workflows.hello_v1_columns() returns integer language sql as 'select 1'",
    ],
)
def test_a_name_that_was_taken_before_is_never_used_and_stops_publishing(
    mallory: Connection, admin: Connection, superuser: Connection, squat: str
) -> None:
    create_users(admin)
    mallory.execute(squat.encode())
    for publisher in (admin, superuser):
        with pytest.raises(psycopg.Error):
            publish(publisher, workflow(EACH))
    assert column(superuser, "select name from dreamlit._workflows") == []
    assert (
        column(superuser, "select tgname from pg_trigger where not tgisinternal and tgname <> 'attached'")
        == []
    )


MALLORYS_TRIGGER = "create function dreamlit_workflows.hello_on_insert() returns trigger language plpgsql as 'begin return null; end'"


def test_a_trigger_function_that_was_made_before_gives_way_to_the_publishers(
    mallory: Connection, admin: Connection, superuser: Connection
) -> None:
    create_users(admin)
    mallory.execute(MALLORYS_TRIGGER)
    publish(admin, workflow(EACH))
    owner = "select proowner::regrole::text from pg_proc where proname = 'hello_on_insert'"
    assert column(superuser, owner) == ["tests_admin"]


def test_a_trigger_function_of_mallorys_is_not_adopted_by_a_superuser(
    mallory: Connection, admin: Connection, superuser: Connection
) -> None:
    """CREATE OR REPLACE leaves the owner: mallory could have replaced it again, and run as whoever writes."""
    create_users(admin)
    mallory.execute(MALLORYS_TRIGGER)
    admin.execute("grant trigger on public.users to tests_mallory")
    mallory.execute(
        "create trigger dreamlit_hello_insert after insert on public.users"
        " referencing new table as dreamlit_new for each statement execute function dreamlit_workflows.hello_on_insert()"
    )
    with pytest.raises(psycopg.Error) as raised:
        publish(superuser, workflow(EACH))
    assert raised.value.sqlstate == "DL004"


def test_objects_of_another_publisher_cannot_be_changed(
    mallory: Connection, admin: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow(EACH, when="new.email is not null"))
    statements = []
    for signature in column(
        superuser,
        "select oid::regprocedure::text from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace",
    ):
        statements += [
            f"drop function {signature}",
            f"alter function {signature} security invoker",
            f"alter function {signature} owner to tests_mallory",
            f"grant execute on function {signature} to public",
        ]
    for name in column(
        superuser,
        "select oid::regtype::text from pg_type where typnamespace = 'dreamlit_workflows'::regnamespace and typtype = 'c'",
    ):
        statements += [f"drop type {name}", f"alter type {name} add attribute x integer"]
    assert len(statements) > 20
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mallory.execute(statement.encode())


def test_functions_of_another_publisher_cannot_be_called(
    mallory: Connection, admin: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow(EACH, when="new.email is not null"))
    callable_by = column(
        superuser,
        "select oid::regprocedure::text from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace"
        " and has_function_privilege('tests_mallory', oid, 'execute')",
    )
    assert callable_by == []


def test_a_view_upon_a_compiled_function_holds_up_neither_publishing_nor_unpublishing(
    mallory: Connection, admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow(EACH))
    mallory.execute(
        "create view lair.pin as select item_id from dreamlit_workflows.hello_v1_each_query('{}'::bigint[], '{}'::jsonb[])"
    )
    assert publish(admin, workflow(EACH, email())) == 2
    admin.execute("select dreamlit.unpublish('hello', true)")
    assert column(superuser, "select compiled from dreamlit._versions order by version") == [True, False]


# Through the queue


@pytest.fixture
def victim(admin: Connection) -> int:
    """The version's id of a workflow of another publisher's."""
    create_users(admin)
    publish(admin, workflow(email(), key="new.name"))
    return 1


def test_an_event_forged_for_another_workflow_starts_a_run_of_it_and_no_more(
    mallory: Connection, lure: Publish, victim: int, superuser: Connection
) -> None:
    """Whoever publishes may enqueue. It comes to what dreamlit.start(name, payload) lets every admin do."""
    lure(EACH)
    version = value(superuser, "select version_id from dreamlit._workflows where name = 'hello'")
    mallory.execute(
        "select dreamlit._enqueue(%s, 'insert', %s)",
        [version, Jsonb([{"trigger": {"email": "m@example.com", "name": "{{ 7 * 7 }}", "more": 1}}])],
    )
    work(superuser, 2)
    assert rows(
        superuser, "select workflow, recipient, content ->> 'text' as text from dreamlit.messages"
    ) == [{"workflow": "hello", "recipient": "m@example.com", "text": "Hello {{ 7 * 7 }}"}]


STRANGE = {
    "a scalar": [1],
    "null": [None],
    "no row": [{}],
    "a row that is none": [{"trigger": []}],
    "an error that is none": [{"trigger": {}, "error": "x"}],
    "a null error": [{"trigger": {}, "error": None}],
    "a key that is no text": [{"trigger": {}, "key": {"a": [1]}}],
    "a value of another type": [{"trigger": {"email": {"a": 1}, "name": [], "user_id": "x"}}],
    "nothing": [],
}


@pytest.mark.parametrize("events", STRANGE.values(), ids=STRANGE.keys())
def test_a_forged_event_does_not_hold_up_the_events_of_others(
    mallory: Connection,
    lure: Publish,
    victim: int,
    app: Connection,
    superuser: Connection,
    events: object,
) -> None:
    lure(EACH)
    version = value(superuser, "select version_id from dreamlit._workflows where name = 'hello'")
    for operation in ("insert", "delete", "x", None):
        mallory.execute("select dreamlit._enqueue(%s, %s, %s)", [version, operation, Jsonb(events)])
    add_user(app)
    work(superuser, 3)
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0
    assert "ann@example.com" in column(superuser, "select recipient from dreamlit.messages")
    assert column(superuser, "select last_error from dreamlit._workers where last_error is not null") == []


def test_a_forged_event_of_no_version_is_kept_aside(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    lure(EACH)
    for version in (None, -1, 10**18):
        mallory.execute("""select dreamlit._enqueue(%s::bigint, 'insert', '[{"trigger": {}}]')""", [version])
    work(superuser)
    assert value(superuser, "select count(*) from pgmq.a_dreamlit_events") == 3
    assert column(superuser, "select 1 from dreamlit.runs") == []


def test_a_key_too_long_for_an_index_holds_up_nobody(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow({"id": "nap", "wait": "1 day"}, key="new.name"))
    publish(admin, workflow(email(to="x@example.com"), name="other"))
    long = value(superuser, "select string_agg(md5(n::text), '') from generate_series(1, 500) as n")
    for name in (long, long, long + "!", "bob"):
        add_user(app, name, email="a@example.com")
    work(superuser, 2)
    assert column(superuser, "select count(*) from dreamlit.runs where workflow = 'other'") == [4]
    assert column(superuser, "select count(*) from dreamlit.runs where workflow = 'hello'") == [3]
    assert value(superuser, "select max(octet_length(key)) from dreamlit.runs") < 1000


# The loop guard


def test_the_loop_guard_stops_a_workflow_that_sets_itself_off(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    mallory.execute(
        "create function lair.trick(integer) returns integer language plpgsql as"
        " $$ begin insert into lair.bait values ($1 + 1); return 1; end $$"
    )
    lure({"id": "each", "query": "select lair.trick(trigger.id) as n", "attempts": 1})
    mallory.execute("insert into lair.bait values (1)")
    work(superuser, 3)
    assert errors(superuser) == ["DL006"]
    assert value(superuser, "select count(*) from lair.bait") == 1


def test_a_publisher_who_lifts_the_loop_guard_loops_one_pass_at_a_time(
    mallory: Connection, lure: Publish, superuser: Connection
) -> None:
    """It is a guard against accidents: who writes such a function on purpose goes round, as with two workflows."""
    mallory.execute(
        "create function lair.trick(integer) returns integer language plpgsql as $$ begin"
        " perform set_config('dreamlit.advancing', 'off', false);"
        " insert into lair.bait values ($1 + 1); return 1; end $$"
    )
    lure({"id": "each", "query": "select lair.trick(trigger.id) as n", "attempts": 1})
    mallory.execute("insert into lair.bait values (1)")
    work(superuser)
    assert value(superuser, "select count(*) from lair.bait") == 2
    superuser.execute("select dreamlit.pause('lure')")
    work(superuser, 3)
    assert value(superuser, "select count(*) from lair.bait") == 2


# What comes of a publisher who is one no longer


@pytest.fixture
def former(superuser: Connection, connect: Connect) -> Iterator[Connection]:
    """A publisher of this test alone: roles are the cluster's, and other tests need theirs meanwhile."""
    superuser.execute("create role tests_former login in role dreamlit_admin")
    superuser.execute("create schema den authorization tests_former")
    yield connect("former")
    superuser.execute("drop owned by tests_former cascade")
    superuser.execute("drop role tests_former")


def test_a_publisher_who_lost_the_role_keeps_the_trigger_and_loses_the_engine(
    former: Connection, superuser: Connection
) -> None:
    former.execute("create table den.bait (id integer primary key)")
    publish(former, {"workflow": "lure", "trigger": {"table": "den.bait", "on": "insert"}, "steps": [EACH]})
    superuser.execute("revoke dreamlit_admin from tests_former")
    former.execute("insert into den.bait values (1)")
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 1
    for statement in (
        "select * from dreamlit.runs",
        "select dreamlit.pause('lure')",
        "select * from dreamlit.publish('{}')",
        "create table dreamlit_workflows.x (n integer)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            former.execute(statement.encode())


def test_the_clock_is_the_engines_own(mallory: Connection, superuser: Connection) -> None:
    shift_clock(superuser, "1 hour")
    for statement in (
        "create or replace function dreamlit._now() returns timestamptz language sql as 'select now()'",
        "alter function dreamlit._now() volatile",
        "drop function dreamlit._now()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mallory.execute(statement.encode())

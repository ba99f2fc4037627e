"""Detaching lets a migration through, in one transaction, without losing an event; forgetting to attach cannot be committed."""

from __future__ import annotations

import json

import psycopg
import pytest
from tests.conftest import Connect
from tests.helpers import (
    Connection,
    column,
    publish,
    rows,
    shift_clock,
    value,
    wait_for_lock,
    wait_until,
    work,
)

pytestmark = pytest.mark.usefixtures("published")

STEPS = [
    {"id": "friend", "query": "select f.name from public.friends f where f.user_id = trigger.id"},
    {"id": "tell", "slack": {"text": "{{ trigger.email }} {{ friend.name }}"}},
]
WATCHING = {
    "workflow": "w",
    "trigger": {"table": "public.users", "on": ["insert", "update", "delete"], "when": "trigger.email is not null", "columns": ["email"]},
    "steps": STEPS,
}  # fmt: skip


@pytest.fixture
def published(admin: Connection, tables: None) -> None:
    publish(admin, WATCHING)
    admin.execute("insert into public.friends values (1, null, 'Bob')")


def _texts(superuser: Connection) -> list[str]:
    work(superuser, 4)
    return sorted(column(superuser, "select content ->> 'text' from dreamlit.messages"))


def _detach(admin: Connection, table: str | None = "public.users") -> list[tuple[str, int]]:
    found = rows(admin, "select * from dreamlit.detach_workflows(%s::regclass)", table)
    return [(row["workflow"], row["version"]) for row in found]


def _attach(admin: Connection) -> list[tuple[str, int]]:
    found = rows(admin, "select * from dreamlit.attach_workflows()")
    return [(row["workflow"], row["version"]) for row in found]


def _error(raised: pytest.ExceptionInfo[psycopg.Error]) -> tuple[str | None, str, str]:
    diagnosis = raised.value.diag
    return raised.value.sqlstate, str(diagnosis.message_primary), str(diagnosis.message_hint)


# Through


@pytest.mark.parametrize(
    ("table", "migration"),
    [
        ("public.users", "alter table public.users alter column email type varchar(100)"),
        ("public.users", "alter table public.users alter column id type int"),
        ("public.friends", "alter table public.friends alter column user_id type int"),
        ("public.friends", "alter table public.friends alter column name type varchar(20)"),
        (None, "alter table public.users alter column email type varchar(100); alter table public.friends alter column user_id type int"),
    ],
)  # fmt: skip
def test_a_type_change_goes_through_and_the_workflow_goes_on(
    admin: Connection, app: Connection, superuser: Connection, table: str | None, migration: str
) -> None:
    found = rows(admin, "select * from dreamlit.with_workflows_detached(%s::regclass, %s)", table, migration)
    assert found == [{"workflow": "w", "version": 1}]
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    app.execute("update public.users set email = 'ann@example.org'")
    app.execute("update public.users set done = true")
    app.execute("delete from public.users")
    assert _texts(superuser) == ["ann@example.com Bob", "ann@example.org Bob", "ann@example.org Bob"]
    assert (
        rows(superuser, "select * from dreamlit.doctor() where name = 'workflow w' and state <> 'ok'") == []
    )


def test_version_names_and_triggers_stay_as_they_were(admin: Connection, superuser: Connection) -> None:
    query = (
        "select p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proowner::regrole::text, p.proacl::text"
        " from pg_proc p where p.pronamespace = 'dreamlit_workflows'::regnamespace"
        " union all select tgname, pg_get_triggerdef(oid), tgenabled::text, null from pg_trigger where not tgisinternal"
        " union all select t.typname, t.typacl::text, t.typowner::regrole::text, null from pg_type t"
        " where t.typnamespace = 'dreamlit_workflows'::regnamespace order by 1"
    )
    before = rows(superuser, query)
    with admin.transaction():
        _detach(admin)
        _attach(admin)
    assert rows(superuser, query) == before


def test_columns_with_awkward_names_are_found_again(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute(
        """create table public.odd ("it's" text, "back\\slash" text, "Quo""te" text, "per%cent" int, id int primary key)"""
    )
    publish(
        admin,
        {
            "workflow": "odd",
            "trigger": {"table": "public.odd", "on": ["insert", "update"], "columns": ['Quo"te']},
            "steps": [{"id": "say", "slack": {"text": "{{ trigger | tojson }}"}}],
        },
    )
    with admin.transaction():
        _detach(admin, "public.odd")
        admin.execute('alter table public.odd alter column "per%cent" type bigint')
        admin.execute("insert into public.odd values ('a', 'b', 'c', 4, 5)")
        admin.execute('update public.odd set "Quo""te" = \'d\'')
        _attach(admin)
    assert [json.loads(text) for text in _texts(superuser)] == [
        {"it's": "a", "back\\slash": "b", 'Quo"te': quote, "per%cent": 4, "id": 5} for quote in ("c", "d")
    ]


def test_every_version_that_reads_the_table_is_detached(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    work(superuser)
    publish(admin, {**WATCHING, "steps": [{"id": "nap", "wait": "1 day"}, *STEPS]})
    app.execute("insert into public.users (id, email) values (2, 'bea@example.com')")
    work(superuser)
    with admin.transaction():
        assert _detach(admin, "public.friends") == [("w", 1), ("w", 2)]
        admin.execute("alter table public.friends alter column user_id type int")
        assert _attach(admin) == [("w", 1), ("w", 2)]
    assert _texts(superuser) == ["ann@example.com Bob"]
    shift_clock(superuser, "2 days")
    admin.execute("insert into public.friends values (2, null, 'Cy')")
    assert _texts(superuser) == ["ann@example.com Bob", "bea@example.com Cy"]


def test_a_workflow_that_does_not_read_the_table_is_let_alone(admin: Connection) -> None:
    admin.execute("create table public.other (id int)")
    with admin.transaction():
        assert _detach(admin, "public.other") == []
        assert _attach(admin) == []


def test_a_view_in_between_is_followed(admin: Connection, app: Connection, superuser: Connection) -> None:
    admin.execute("create view public.mates as select f.user_id, f.name as label from public.friends f")
    publish(
        admin,
        {
            "workflow": "v",
            "trigger": {"table": "public.users", "on": "insert"},
            "steps": [
                {"id": "mate", "query": "select m.label from public.mates m where m.user_id = trigger.id"},
                {"id": "say", "slack": {"text": "{{ mate.label }}"}},
            ],
        },
    )
    migration = (
        "drop view public.mates; alter table public.friends alter column name type varchar(20);"
        "create view public.mates as select f.user_id, f.name as label from public.friends f"
    )
    found = rows(
        admin, "select workflow from dreamlit.with_workflows_detached('public.friends', %s)", migration
    )
    assert [row["workflow"] for row in found] == ["w", "v"]
    app.execute("insert into public.users (id) values (1)")
    assert _texts(superuser) == ["Bob"]


def test_a_function_that_a_query_calls_can_be_replaced(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create function public.greeting() returns text language sql stable as 'select $$Hi$$'")
    publish(
        admin,
        {
            "workflow": "f",
            "trigger": {"table": "public.users", "on": "insert"},
            "steps": [
                {"id": "word", "query": "select public.greeting() as text"},
                {"id": "say", "slack": {"text": "{{ word.text }}"}},
            ],
        },
    )
    migration = (
        "drop function public.greeting();"
        "create function public.greeting() returns varchar language sql stable as 'select $$Hello$$'"
    )
    admin.execute("select dreamlit.with_workflows_detached(null, %s)", [migration])
    app.execute("insert into public.users (id) values (1)")
    assert _texts(superuser) == ["Hello"]


def test_what_an_earlier_release_published_captures_the_same_columns_as_before(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    superuser.execute("update dreamlit._versions set template_references = null, search_path = null")
    superuser.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    migration = "alter table public.users alter column email type varchar(100)"
    admin.execute("select dreamlit.with_workflows_detached('public.users', %s)", [migration])
    app.execute("insert into public.users (id, email, first_name) values (1, 'ann@example.com', 'Ann')")
    work(superuser)
    assert column(superuser, "select payload -> 'trigger' from dreamlit.runs") == [
        {"id": 1, "email": "ann@example.com"}
    ]


def test_a_partitioned_table_can_be_changed(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("create table public.logs (id int, word text) partition by list (id)")
    admin.execute("create table public.logs_1 partition of public.logs for values in (1)")
    publish(
        admin,
        {
            "workflow": "p",
            "trigger": {"table": "public.logs", "on": ["insert", "update"], "columns": ["word"]},
            "steps": [{"id": "say", "slack": {"text": "{{ trigger.word }}"}}],
        },
    )
    with admin.transaction():
        _detach(admin, "public.logs")
        admin.execute("insert into public.logs_1 values (1, 'between')")
        admin.execute("alter table public.logs alter column word type varchar(9)")
        _attach(admin)
    app.execute("update public.logs_1 set word = 'after'")
    assert _texts(superuser) == ["after", "between"]


# Nothing lost


def test_rows_written_in_between_are_captured(admin: Connection, superuser: Connection) -> None:
    with admin.transaction():
        _detach(admin)
        admin.execute("insert into public.users (id, email) values (1, 'before@example.com'), (2, null)")
        admin.execute("alter table public.users alter column email type varchar(100)")
        admin.execute("insert into public.users (id, email) values (1 + 2, 'after@example.com')")
        admin.execute("update public.users set email = 'changed@example.com' where id = 1")
        admin.execute("update public.users set first_name = 'Ann' where id = 1")
        admin.execute("delete from public.users where id = 1")
        _attach(admin)
    work(superuser)
    captured = column(superuser, "select payload #>> '{trigger,email}' from dreamlit.runs order by run_id")
    assert captured == [
        "before@example.com",
        "after@example.com",
        "changed@example.com",
        "changed@example.com",
    ]
    assert set(column(superuser, "select state from dreamlit.runs")) <= {"running", "done"}


def test_a_renamed_column_is_captured_under_its_key(admin: Connection, superuser: Connection) -> None:
    renamed = json.loads(json.dumps(WATCHING).replace("email", "mail"))
    with admin.transaction():
        _detach(admin)
        admin.execute("alter table public.users rename column email to mail")
        admin.execute("insert into public.users (id, mail) values (1, 'ann@example.com')")
        admin.execute("update public.users set mail = 'bea@example.com'")
        publish(admin, renamed)
        _attach(admin)
    work(superuser)
    captured = column(superuser, "select payload #>> '{trigger,email}' from dreamlit.runs order by run_id")
    assert captured == ["ann@example.com", "bea@example.com"]
    assert set(column(superuser, "select version from dreamlit.runs")) == {1}


def test_a_row_whose_condition_cannot_be_asked_in_between_is_retried_afterwards(
    admin: Connection, superuser: Connection
) -> None:
    with admin.transaction():
        _detach(admin, None)
        admin.execute("insert into public.users (id, email) values (1, 'ann@example.com'), (2, null)")
        _attach(admin)
    work(superuser)
    failed = column(superuser, "select run_id from dreamlit.runs where state = 'failed' order by run_id")
    assert len(failed) == 2
    for run_id in failed:
        admin.execute("select dreamlit.retry_run(%s)", [run_id])
    assert _texts(superuser) == ["ann@example.com Bob"]
    states = column(superuser, "select state from dreamlit.tasks where step = 'trigger' order by run_id")
    assert states == ["done", "skipped"]


def test_a_row_that_does_not_fit_in_between_starts_as_a_failed_run(
    admin: Connection, superuser: Connection
) -> None:
    """From bigint to uuid there is no cast: the row cannot become what the version captures."""
    with admin.transaction():
        _detach(admin)
        admin.execute("alter table public.users drop constraint users_pkey")
        admin.execute("alter table public.users alter column id type uuid using gen_random_uuid()")
        admin.execute("insert into public.users (id, email) values (gen_random_uuid(), 'ann@example.com')")
        admin.execute("update public.users set email = 'bea@example.com'")
        admin.execute("delete from public.users")
        admin.execute("alter table public.users alter column id type bigint using 1")
        admin.execute("alter table public.users add primary key (id)")
        _attach(admin)
    work(superuser, 2)
    failed = rows(
        superuser,
        "select run_id, state, last_error ->> 'step' as step, payload from dreamlit.runs order by run_id",
    )
    assert [(row["state"], row["step"]) for row in failed] == [("failed", "trigger")] * 3
    assert [row["payload"]["trigger"]["email"] for row in failed] == [
        "ann@example.com",
        "bea@example.com",
        "bea@example.com",
    ]


def test_many_rows_in_between_travel_in_several_messages(admin: Connection, superuser: Connection) -> None:
    with admin.transaction():
        _detach(admin)
        admin.execute(
            "insert into public.users (id, email) select n, n::text from generate_series(1, 1200) as n"
        )
        _attach(admin)
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 3
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.runs") == 1200


def test_other_sessions_capture_and_work_on_meanwhile(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    with admin.transaction():
        _detach(admin, "public.friends")
        app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
        work(superuser, 2)
        _attach(admin)
    assert _texts(superuser) == ["ann@example.com Bob"]


def test_a_payload_that_does_not_fit_the_new_type_fails_alone(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    nap = {"id": "nap", "wait": "1 day"}
    say = {
        "id": "say",
        "if": "trigger.first_name is not null",
        "slack": {"text": "{{ trigger.first_name }}"},
        "attempts": 1,
    }
    publish(admin, {**WATCHING, "steps": [nap, say]})
    app.execute("insert into public.users (id, email, first_name) values (1, 'a', '12'), (2, 'b', 'Bea')")
    work(superuser)
    admin.execute(
        "select dreamlit.with_workflows_detached('public.users',"
        " 'alter table public.users alter column first_name type int using case first_name when ''Bea'' then 0 else first_name::int end')"
    )
    shift_clock(superuser, "2 days")
    assert _texts(superuser) == ["12"]
    assert column(superuser, "select state from dreamlit.runs order by run_id") == ["running", "failed"]


# Not through


def test_without_attaching_the_transaction_cannot_commit(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("begin")
    _detach(admin)
    admin.execute("alter table public.users alter column email type varchar(100)")
    with pytest.raises(psycopg.Error) as raised:
        admin.execute("commit")
    assert _error(raised) == (
        "DL003",
        "version 1 of workflow w is detached",
        "end the migration with: select * from dreamlit.attach_workflows()",
    )
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    assert _texts(superuser) == ["ann@example.com Bob"]


def test_a_migration_that_fails_changes_nothing(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    with pytest.raises(psycopg.errors.UndefinedColumn):
        admin.execute(
            "select dreamlit.with_workflows_detached('public.users', 'alter table public.users drop column none')"
        )
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    assert _texts(superuser) == ["ann@example.com Bob"]


def test_a_definition_that_does_not_fit_any_more_restores_everything_and_names_all_faults(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    migration = "alter table public.users drop column email; alter table public.friends drop column name"
    with pytest.raises(psycopg.Error) as raised:
        admin.execute("select dreamlit.with_workflows_detached(null, %s)", [migration])
    code, _, hint = _error(raised)
    assert code == "DL001"
    assert "dreamlit.migrate_runs" in hint
    places = {fault["place"] for fault in json.loads(str(raised.value.diag.message_detail))}
    assert {
        "w version 1: trigger.when",
        "w version 1: trigger.columns",
        "w version 1: steps[0].query",
    } <= places
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    assert _texts(superuser) == ["ann@example.com Bob"]


def test_after_a_rename_the_new_names_are_to_be_published_first(admin: Connection) -> None:
    admin.execute("alter table public.users rename column email to mail")
    with pytest.raises(psycopg.Error) as raised:
        admin.execute("select dreamlit.with_workflows_detached('public.users', 'select 1')")
    assert "publish the definition with the new names" in _error(raised)[2]


def test_the_new_definition_can_be_published_in_the_same_transaction(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    renamed = json.loads(json.dumps(WATCHING).replace("email", "mail"))
    with admin.transaction():
        _detach(admin)
        admin.execute("alter table public.users alter column email type varchar(100)")
        admin.execute("alter table public.users rename column email to mail")
        assert publish(admin, renamed) == 2
        assert _attach(admin) == [("w", 1)]
    app.execute("insert into public.users (id, mail) values (1, 'ann@example.com')")
    app.execute("update public.users set done = true")
    assert _texts(superuser) == ["ann@example.com Bob"]


def test_an_old_version_that_nothing_runs_on_does_not_stand_in_the_way(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    admin.execute("alter table public.friends rename column name to label")
    publish(admin, json.loads(json.dumps(WATCHING).replace("f.name", "f.label as name")))
    with admin.transaction():
        assert _detach(admin, "public.friends") == [("w", 1), ("w", 2)]
        admin.execute("alter table public.friends alter column user_id type int")
        assert _attach(admin) == [("w", 2)]
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    assert _texts(superuser) == ["ann@example.com Bob"]


def test_a_failed_run_that_could_be_retried_does_stand_in_the_way_until_it_is_given_up(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    fails = {
        "id": "bad",
        "query": "select 1 / (trigger.id - 1) as n from public.friends f where f.name = 'Bob'",
        "attempts": 1,
    }
    publish(admin, {**WATCHING, "steps": [fails]})
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    work(superuser, 2)
    publish(admin, {**WATCHING, "steps": [{"id": "nap", "wait": "1 day"}]})
    migration = "select dreamlit.with_workflows_detached('public.friends', 'alter table public.friends drop column name')"
    with pytest.raises(psycopg.Error) as raised:
        admin.execute(migration)
    assert "w version 2: steps[0].query" in str(raised.value.diag.message_primary)
    wait_until(lambda: value(admin, "select dreamlit.retire_version('w', 2)") == "retired")
    admin.execute(migration)


def test_the_runs_of_an_old_version_can_be_moved_on_in_the_same_transaction(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    nap = {"id": "nap", "wait": "1 day"}
    publish(
        admin,
        {
            **WATCHING,
            "steps": [nap, {"id": "say", "slack": {"text": "{{ trigger.email }} {{ trigger.first_name }}"}}],
        },
    )
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    work(superuser)
    with admin.transaction():
        _detach(admin)
        admin.execute("alter table public.users drop column first_name")
        publish(admin, {**WATCHING, "steps": [nap, {"id": "say", "slack": {"text": "{{ trigger.email }}"}}]})
        admin.execute("select dreamlit.migrate_runs('w', 2)")
        _attach(admin)
    shift_clock(superuser, "2 days")
    assert _texts(superuser) == ["ann@example.com"]


# Rights and locks


def test_whoever_is_no_member_of_the_publisher_is_refused(superuser: Connection, connect: Connect) -> None:
    superuser.execute("create role tests_migrator login in role dreamlit_admin")
    try:
        migrator = connect("migrator")
        with pytest.raises(psycopg.Error) as raised:
            migrator.execute("select dreamlit.detach_workflows('public.users')")
        assert _error(raised) == (
            "DL004",
            "tests_migrator is no member of tests_admin, which published w",
            "run the migration as tests_admin, or let somebody say: grant tests_admin to tests_migrator",
        )
        superuser.execute("grant tests_admin to tests_migrator")
        with migrator.transaction():
            migrator.execute("select dreamlit.detach_workflows('public.users')")
            migrator.execute("select dreamlit.attach_workflows()")
        owners = column(
            superuser, "select distinct proowner::regrole::text from pg_proc where proname like 'w\\_v1%%'"
        )
        assert owners == ["tests_admin"]
        assert value(migrator, "select current_user") == "tests_migrator"
        migrator.close()
    finally:
        superuser.execute("drop owned by tests_migrator; drop role tests_migrator")


def test_a_publisher_gets_no_rights_of_the_session_that_recompiles(
    admin: Connection, superuser: Connection
) -> None:
    """What a publisher declares immutable runs when a query is planned: at attach, in the session of whoever migrates."""
    admin.execute(
        "create function public.sneak(text) returns text language plpgsql immutable as"
        " $$ begin perform set_config('role', 'none', false);"
        " return case when pg_has_role(current_user, 'dreamlit_owner', 'member') then 'stolen' else $1 end; end $$"
    )
    admin.execute("create table public.loot (n int)")
    with pytest.raises(psycopg.Error):
        publish(
            admin,
            {**WATCHING, "workflow": "x", "steps": [{"id": "q", "query": "select public.sneak('a') as a"}]},
        )
    admin.execute(
        "create or replace function public.sneak(text) returns text language sql immutable as 'select $1'"
    )
    publish(
        admin, {**WATCHING, "workflow": "x", "steps": [{"id": "q", "query": "select public.sneak('a') as a"}]}
    )
    admin.execute(
        "create or replace function public.sneak(text) returns text language plpgsql immutable as"
        " $$ begin perform set_config('role', 'none', true); return current_user; end $$"
    )
    with pytest.raises(psycopg.Error) as raised:
        superuser.execute("select dreamlit.with_workflows_detached('public.users', 'select 1')")
    assert 'cannot set parameter "role" within security-definer function' in str(raised.value)


def test_nobody_detaches_or_ends_it_by_the_private_functions(admin: Connection) -> None:
    version_id = value(admin, "select 1")
    for call in ("_drop_pinning(%s, null)", "_take_detached(%s)", "_end_detaching(%s)"):
        with pytest.raises(psycopg.Error) as raised:
            admin.execute(f"select dreamlit.{call}".encode(), [version_id])
        assert raised.value.sqlstate == "DL003"


def test_a_table_that_is_only_read_is_not_locked(
    admin: Connection, app: Connection, connect: Connect
) -> None:
    other = connect("app", autocommit=False)
    other.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    with admin.transaction():
        _detach(admin, "public.friends")
        _attach(admin)
    other.commit()


def test_a_watched_table_that_stays_locked_is_given_up(admin: Connection, connect: Connect) -> None:
    other = connect("app", autocommit=False)
    other.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    with pytest.raises(psycopg.Error) as raised:
        _detach(admin)
    assert raised.value.sqlstate == "DL007"


def test_publishers_wait_for_the_migration(
    admin: Connection, connect: Connect, superuser: Connection
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    other = connect("admin")
    with ThreadPoolExecutor(1) as pool:
        with admin.transaction():
            _detach(admin)
            publishing = pool.submit(publish, other, {**WATCHING, "workflow": "late"})
            wait_for_lock(superuser, other)
            _attach(admin)
        assert publishing.result(timeout=30) == 1

"""What a workflow's SQL may do while the engine runs it."""

from __future__ import annotations

import pytest
from tests.helpers import Connection, column, email, rows, value, work

from .conftest import Run, states

QUERY = {"id": "each", "query": "select 1 as n", "attempts": 1}


def test_a_step_that_writes_to_a_watched_table_through_a_function_fails_and_writes_nothing(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    admin.execute(
        "create function public.poke() returns int language plpgsql security definer as"
        " $$ begin insert into public.users (name) values ('loop'); return 1; end $$"
    )
    run({"id": "each", "query": "select public.poke() + trigger.user_id as n", "attempts": 1}, passes=0)
    before = value(superuser, "select count(*) from public.users")
    work(superuser)
    (error,) = column(superuser, "select error from dreamlit.tasks")
    assert error["sqlstate"] == "DL006"
    assert states(superuser, "each") == ["failed"]
    assert value(superuser, "select count(*) from public.users") == before
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0


def test_the_next_user_write_in_the_workers_session_is_captured_again(
    run: Run, superuser: Connection
) -> None:
    run(QUERY)
    superuser.execute("insert into public.users (name) values ('bob')")
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 1


def test_a_compiled_function_that_was_made_an_invokers_is_refused(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run(QUERY, passes=0)
    admin.execute("alter function dreamlit_workflows.hello_v1_each_query(bigint[], jsonb[]) security invoker")
    work(superuser)
    (error,) = column(superuser, "select error from dreamlit.tasks")
    assert error["sqlstate"] == "DL004"
    assert states(superuser, "each") == ["failed"]


def test_a_compiled_function_that_was_replaced_never_runs_with_the_engines_rights(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run(QUERY, passes=0)
    admin.execute("drop function dreamlit_workflows.hello_v1_each_query(bigint[], jsonb[])")
    admin.execute(
        """
        create function dreamlit_workflows.hello_v1_each_query(bigint[], jsonb[])
        returns table (item_id bigint, result jsonb) language plpgsql as $$
        begin delete from dreamlit._settings; return; end $$
        """
    )
    before = value(superuser, "select count(*) from dreamlit._settings")
    work(superuser)
    assert states(superuser, "each") == ["failed"]
    assert value(superuser, "select count(*) from dreamlit._settings") == before


def test_a_compiled_function_of_another_role_is_refused(run: Run, superuser: Connection) -> None:
    run(QUERY, passes=0)
    superuser.execute(
        "alter function dreamlit_workflows.hello_v1_each_query(bigint[], jsonb[]) owner to tests_app"
    )
    work(superuser)
    (error,) = column(superuser, "select error from dreamlit.tasks")
    assert error["sqlstate"] == "DL004"


def test_a_compiled_function_that_is_gone_fails_with_a_reason(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run(QUERY, passes=0)
    admin.execute("drop function dreamlit_workflows.hello_v1_each_query(bigint[], jsonb[])")
    work(superuser)
    (error,) = column(superuser, "select error from dreamlit.tasks")
    assert error["sqlstate"] == "DL003"


def test_queries_run_with_the_publishers_rights_not_the_engines(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    run({"id": "who", "query": "select current_user::text as name"}, email(to="{{ who.name }}@x.org"))
    assert column(superuser, "select recipient from dreamlit.messages") == ["tests_admin@x.org"]


def test_rights_that_were_taken_away_fail_the_task_and_nothing_else(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    superuser.execute("create table public.secrets (n int)")
    superuser.execute("grant select on public.secrets to tests_admin")
    run(
        {"id": "each", "query": "select count(*) as n from public.secrets", "attempts": 1},
        email("beside", after="trigger"),
        passes=0,
    )
    superuser.execute("revoke select on public.secrets from tests_admin")
    work(superuser)
    (error,) = column(superuser, "select error from dreamlit.tasks where step = 'each'")
    assert error["sqlstate"] == "42501"
    assert states(superuser, "beside") == ["sending"]


def test_a_query_cannot_write(run: Run, admin: Connection, superuser: Connection) -> None:
    """Stable functions refuse it, also in what they call, unless that is declared volatile."""
    admin.execute("create table public.log (n int)")
    admin.execute(
        "create function public.note() returns int language plpgsql stable as"
        " $$ begin insert into public.log values (1); return 1; end $$"
    )
    run({"id": "each", "query": "select public.note() as n", "attempts": 1})
    assert states(superuser, "each") == ["failed"]
    assert rows(superuser, "select from public.log") == []


@pytest.mark.parametrize("trick", ["commit", "rollback"])
def test_a_query_cannot_end_the_workers_transaction(
    run: Run, admin: Connection, superuser: Connection, trick: str
) -> None:
    admin.execute(
        "create function public.trick(int) returns int language plpgsql as"
        f" $$ begin {trick}; return 1; end $$".encode()
    )
    run(
        {"id": "each", "query": "select public.trick(trigger.user_id) as n", "attempts": 1},
        email("beside", after="trigger"),
    )
    assert states(superuser, "each") == ["failed"]
    assert states(superuser, "beside") == ["sending"]


def test_a_query_that_ends_the_loop_guard_early_does_not_disturb_the_engine(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    admin.execute(
        "create function public.trick(int) returns text language sql as"
        " $$ select set_config('dreamlit.advancing', 'off', false) $$"
    )
    run({"id": "each", "query": "select public.trick(trigger.user_id) as n"}, email(), users=2)
    assert states(superuser, "tell") == ["sending", "sending"]


def test_a_query_that_changes_the_search_path_fails_and_the_change_is_undone(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    admin.execute(
        "create function public.trick(int) returns text language sql as"
        " $$ select set_config('search_path', 'public', false) $$"
    )
    run(
        {"id": "each", "query": "select public.trick(trigger.user_id) as n", "attempts": 1},
        email("beside", after="trigger"),
        users=2,
    )
    assert set(column(superuser, "select error ->> 'sqlstate' from dreamlit.tasks where step = 'each'")) == {
        "DL004"
    }
    assert states(superuser, "beside") == ["sending", "sending"]
    assert value(superuser, "show search_path") == '"$user", public'

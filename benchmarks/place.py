"""Where benches run: a private durable cluster of the full kind, a fresh database for each bench."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from dreamlit_pg.cluster import Cluster
from dreamlit_pg.install import install

HOME = Path(__file__).parents[1] / ".dreamlit" / "bench"
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
"""Room enough that no checkpoint falls into one half of a comparison; all else is PostgreSQL's default."""

SHOWN = (
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "work_mem",
    "jit",
)
OWNER = "bench_owner"
"""Publishes the workflows and owns and writes the tables: no superuser."""
SENDER = "bench_sender"

Connection = psycopg.Connection[tuple[Any, ...]]


class BenchCluster(Cluster):
    """The benches' cluster: fsync on, and the settings above."""

    def settings(self) -> dict[str, str]:
        """The server settings that differ from PostgreSQL's own."""
        return super().settings() | SETTINGS


@dataclass(frozen=True)
class Place:
    """One bench's database, with the engine and the roles in it; nothing ticks there but the bench."""

    cluster: Cluster
    dbname: str

    def dsn(self, user: str = OWNER) -> str:
        """The database, for a role."""
        return self.cluster.dsn(self.dbname, user=user)

    @property
    def superuser_dsn(self) -> str:
        """The database, for what only a superuser may: checkpoints, reading the engine's tables."""
        return self.cluster.dsn(self.dbname)

    @contextlib.contextmanager
    def connect(self, dsn: str | None = None) -> Iterator[Connection]:
        """A session in autocommit, as the owner or by another dsn."""
        with psycopg.connect(dsn or self.dsn(), autocommit=True) as connection:
            yield connection

    def settle(self) -> None:
        """Vacuum and checkpoint, so that what comes next does not pay for what was before."""
        with self.connect(self.superuser_dsn) as connection:
            connection.execute("vacuum (analyze)")
            connection.execute("checkpoint")

    def publish(self, definition: Mapping[str, Any]) -> None:
        """Publish a workflow as the owner."""
        with self.connect() as connection:
            connection.execute("select dreamlit.publish(%s)", [json.dumps(definition)])


@contextlib.contextmanager
def open_cluster() -> Iterator[Cluster]:
    """The running cluster; stopped at the end, unless it ran before. pg_cron schedules nothing in it."""
    cluster = BenchCluster(HOME, kind="full", durable=True)
    ran = cluster.running
    cluster.start()
    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            # Without the extension in its database, pg_cron loads and starts no job: a bench ticks by itself.
            connection.execute("drop extension if exists pg_cron")
        HOME.mkdir(parents=True, exist_ok=True)
        yield cluster
    finally:
        if not ran:
            cluster.stop()


@contextlib.contextmanager
def fresh_place(cluster: Cluster, bench: str) -> Iterator[Place]:
    """A fresh database with the engine installed; dropped at the end."""
    dbname = f"bench_{bench.replace('-', '_')}"
    cluster.drop_database(dbname)
    place = Place(cluster, dbname)
    install(cluster.create_database(dbname))
    _unschedule(place)
    with place.connect(place.superuser_dsn) as connection:
        for role, group in ((OWNER, "dreamlit_admin"), (SENDER, "dreamlit_sender")):
            if connection.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
                connection.execute(f"create role {role} login")
            connection.execute(f"grant {group} to {role}")
        connection.execute(f"grant create on database {dbname} to {OWNER}")
        connection.execute(f"create schema app authorization {OWNER}")
    try:
        yield place
    finally:
        cluster.drop_database(dbname)


def _unschedule(place: Place) -> None:
    """Where pg_cron does run (the cluster of the tests), no job of this database starts."""
    with psycopg.connect(place.cluster.dsn(), autocommit=True) as connection:
        if connection.execute("select from pg_extension where extname = 'pg_cron'").fetchone() is not None:
            connection.execute(
                "select cron.unschedule(jobid) from cron.job where database = %s", [place.dbname]
            )
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [place.dbname]
            )


def describe_machine(cluster: Cluster) -> dict[str, Any]:
    """Cores, memory, server and settings, for whoever reads the figures later."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        version = connection.execute("show server_version").fetchone()
        settings = {name: connection.execute(f"show {name}").fetchone() for name in SHOWN}
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": version[0] if version else None,
        "settings": {name: row[0] if row else None for name, row in settings.items()},
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

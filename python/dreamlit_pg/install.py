"""Install, upgrade and uninstall the engine in a database.

Installing runs one script (``sources.install_script``) in one transaction, under an advisory lock: it may be
repeated and run any number of times at once. pg_cron may live in another database of the same server; that is
the one thing that the script cannot reach, so it is scheduled here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dreamlit_pg import sources
from dreamlit_pg.errors import NotInstalled, WrongState, from_database

JOBS = ("dreamlit-worker-1", "dreamlit-worker-2")
"""The second stands by for the time that a long query holds up the first (sql/cron.sql)."""

IN_TURN = """select exists (select from pg_settings as s join pg_extension as e on e.extname = 'pg_cron'
  where s.name = 'cron.use_background_workers' and s.setting = 'on'
  and string_to_array(e.extversion, '.')::integer[] < array[1, 5])"""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an installation did: the release, who renders and who ticks, and the server's notices."""

    release: str
    renderer: str
    ticker: str
    notices: list[str] = field(default_factory=list)


@contextmanager
def _connected(dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        with psycopg.connect(dsn, application_name="dreamlit install") as connection:
            yield connection
    except psycopg.Error as exc:
        raise from_database(exc) from exc


def install(dsn: str, *, replica: bool = False) -> Report:
    """Install or upgrade in the database of `dsn`; returns what is there now.

    With `replica`, what is published from then on captures the rows that logical replication writes too.

    Commits its own transaction; nothing is changed if anything fails. Waits for the batches that workers and
    senders have open, and stops the workers, which pg_cron starts again. Raises NotInstalled (DL005) for what
    is missing, NotAllowed for rights.
    """
    notices: list[str] = []
    with _connected(dsn) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute(sources.install_script().encode())
        connection.commit()
        if replica:
            connection.execute("select dreamlit.set_setting('capture_replicated', 'true')")
        renderer = _scalar(connection, "select dreamlit._renderer()")
        ticker = _schedule(connection, dsn)
        connection.commit()
    # The script cannot see that pg_cron is at work from another database.
    shown = [
        notice
        for notice in notices
        if notice.startswith("dreamlit: ") and not (ticker.startswith("pg_cron in") and "pg_cron" in notice)
    ]
    return Report(release=sources.release(), renderer=str(renderer), ticker=ticker, notices=shown)


def script() -> str:
    """The same as one SQL file, for people who only run SQL: psql -f, Supabase migrations."""
    return f"begin;\n{sources.install_script()}\ncommit;\n"


def _scalar(connection: psycopg.Connection[tuple[object, ...]], query: str, *parameters: object) -> object:
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None


def _cron_database(connection: psycopg.Connection[tuple[object, ...]]) -> str | None:
    # pg_settings leaves out what the role may not see, where current_setting would fail.
    home = _scalar(connection, "select setting from pg_settings where name = 'cron.database_name'")
    return None if home is None else str(home)


def _cron_is_here(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether pg_cron is in this database and the role may use it."""
    may_use = "select coalesce(has_schema_privilege(to_regnamespace('cron')::oid, 'usage'), false)"
    return bool(_scalar(connection, may_use) and _scalar(connection, "select to_regclass('cron.job')"))


def _schedule(connection: psycopg.Connection[tuple[object, ...]], dsn: str) -> str:
    """Who ticks. Where pg_cron lives in another database, the worker is scheduled there for this one."""
    if _cron_is_here(connection):
        return "pg_cron"
    home, here = _cron_database(connection), connection.info.dbname
    if home is None or home == here:
        return "sender"
    try:
        with psycopg.connect(make_conninfo(dsn, dbname=home)) as other:
            for name in JOBS[:1] if _scalar(other, IN_TURN) else JOBS:
                # A job remembers the address of the server that it was made on; that may be another by now.
                other.execute(
                    "select cron.unschedule(jobid) from cron.job where jobname = %s and (nodeport <> "
                    "current_setting('port')::integer or nodename <> current_setting('cron.host'))",
                    (f"{name}-{here}",),
                )
                other.execute(
                    "select cron.schedule_in_database(%s, %s, %s, %s)",
                    (f"{name}-{here}", "* * * * *", "call dreamlit.work(70)", here),
                )
    except psycopg.Error:
        return "sender"
    return f"pg_cron in {home}"


def _unschedule(connection: psycopg.Connection[tuple[object, ...]], dsn: str) -> None:
    query = "select cron.unschedule(jobid) from cron.job where database = %s and jobname like 'dreamlit-%%'"
    home, here = _cron_database(connection), connection.info.dbname
    if _cron_is_here(connection):
        connection.execute(query, (here,))
    elif home is not None and home != here:
        try:
            with psycopg.connect(make_conninfo(dsn, dbname=home), autocommit=True) as other:
                other.execute(query, (here,))
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.OperationalError):
            return


def uninstall(dsn: str, *, force: bool = False) -> list[str]:
    """Remove triggers, jobs, queues, functions, schemas and roles; returns what was left and why.

    Commits its own transactions. Raises NotInstalled; WrongState while workflows are published, unless
    `force`.
    """
    with _connected(dsn) as connection:
        if _scalar(connection, "select to_regclass('dreamlit._releases')") is None:
            raise NotInstalled(
                "dreamlit is not installed in this database", hint="nothing to remove", code="DL005"
            )
        published = connection.execute(
            "select name from dreamlit._workflows where state <> 'unpublished' order by name"
        ).fetchall()
        if published and not force:
            names = ", ".join(str(name) for (name,) in published)
            raise WrongState(
                f"workflows are published: {names}", hint="unpublish them, or say --force", code="DL003"
            )
        _unschedule(connection, dsn)
        connection.commit()
        left: list[str] = []
        connection.add_notice_handler(lambda notice: left.append(notice.message_primary or ""))
        connection.execute((sources.sql_folder() / "uninstall.sql").read_bytes())
        connection.commit()
        kept = [line.removeprefix("dreamlit: ") for line in left if line.startswith("dreamlit: ")]
        return kept + _drop_roles(connection)


def _drop_roles(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """Roles belong to the whole server: one that another database still needs stays."""
    left = []
    for role in ("dreamlit_reader", "dreamlit_sender", "dreamlit_admin", "dreamlit_owner"):
        try:
            connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))
            connection.commit()
        except psycopg.errors.DependentObjectsStillExist as exc:
            connection.rollback()
            left.append(f"role {role}: {exc.diag.message_detail}")
    return left

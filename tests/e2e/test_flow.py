"""From a row to an inbox over the real parts, on each kind of server."""

from __future__ import annotations

import psycopg
import pytest
from tests.conftest import DsnOf
from tests.e2e.conftest import (
    EXPECTED,
    StartSender,
    act_as_application,
    all_runs_ended,
    arrived,
    eventually,
    set_up_application,
)

from dreamlit_cli.demo.inbox import Inbox

pytestmark = pytest.mark.slow


def _play(dsn: str, inbox: Inbox, start_sender: StartSender, dsn_of: DsnOf) -> None:
    set_up_application(dsn_of("admin", dsn))
    start_sender(dsn_of("sender", dsn))
    act_as_application(dsn_of("app", dsn))
    eventually(lambda: len(inbox.messages) >= len(EXPECTED), lambda: arrived(inbox))
    eventually(lambda: all_runs_ended(dsn))


def _states(dsn: str, view: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(f"select state, count(*) from dreamlit.{view} group by state").fetchall()
    return {str(state): int(str(number)) for state, number in rows}


def test_full_kind_pg_cron_ticks_and_the_database_renders(
    scheduled_database: str, inbox: Inbox, start_sender: StartSender, dsn_of: DsnOf
) -> None:
    with psycopg.connect(scheduled_database) as connection:
        assert connection.execute("select dreamlit._renderer()").fetchone() == ("database",)
    _play(scheduled_database, inbox, start_sender, dsn_of)

    assert arrived(inbox) == EXPECTED
    assert _states(scheduled_database, "runs") == {"done": 5}
    assert _states(scheduled_database, "messages") == {"sent": len(EXPECTED)}


def test_pg_cron_really_fires(scheduled_database: str, dsn_of: DsnOf) -> None:
    """No sender, nobody calls work(): the run starts because pg_cron does."""
    set_up_application(dsn_of("admin", scheduled_database))
    act_as_application(dsn_of("app", scheduled_database))
    with psycopg.connect(scheduled_database, autocommit=True) as connection:
        connection.execute("select pg_stat_clear_snapshot()")

        def started() -> bool:
            row = connection.execute("select count(*) from dreamlit.messages").fetchone()
            return row is not None and row[0] != 0

        for _ in range(3):  # pg_cron starts jobs at full minutes
            try:
                eventually(started)
                break
            except AssertionError:
                continue
        row = connection.execute(
            "select count(*) from dreamlit._workers where worker like 'work:%'"
        ).fetchone()
    assert row is not None
    assert row[0] != 0


def test_managed_kind_the_sender_renders(
    database: str, inbox: Inbox, start_sender: StartSender, dsn_of: DsnOf
) -> None:
    """As on Supabase: no plpython3u, so no function in it; here the sender ticks as well."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop extension plpython3u cascade")
        connection.execute("""select dreamlit.set_setting('renderer', '"sender"')""")
    _play(database, inbox, start_sender, dsn_of)

    assert arrived(inbox) == EXPECTED
    assert _states(database, "runs") == {"done": 5}


def test_bare_kind_no_extension_and_no_superuser(
    bare_database: str, inbox: Inbox, start_sender: StartSender, dsn_of: DsnOf
) -> None:
    with psycopg.connect(bare_database) as connection:
        extensions = {str(name) for (name,) in connection.execute("select extname from pg_extension")}
        superuser = connection.execute(
            "select rolsuper from pg_roles where rolname = current_user"
        ).fetchone()
    assert extensions == {"plpgsql"}
    assert superuser == (False,)
    _play(bare_database, inbox, start_sender, dsn_of)

    assert arrived(inbox) == EXPECTED
    assert _states(bare_database, "runs") == {"done": 5}
    assert _states(bare_database, "messages") == {"sent": len(EXPECTED)}

"""Passwords and tokens of the sender stay with the sender: no log, error, table or process list of the server shows one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.conftest import DsnOf
from tests.helpers import (
    Connection,
    add_user,
    column,
    create_users,
    email,
    publish,
    rows,
    slack,
    wait_until,
    work,
    workflow,
)

ENTRY = [sys.executable, "-c", "from dreamlit_cli.main import main; main()"]
SECRETS = {"database": "db-s3cret-word", "smtp": "smtp-s3cret-word", "slack": "xoxb-s3cret-word"}


def with_password(dsn: str) -> str:
    """The same place as a URL with a password, which a private cluster never asks for."""
    parts = conninfo_to_dict(dsn)
    return f"postgresql://{parts['user']}:{SECRETS['database']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"


def environment(dsn: str) -> dict[str, str]:
    """A sender's whose providers are not there: every delivery fails and is reported."""
    return {
        **{key: item for key, item in os.environ.items() if not key.startswith(("DREAMLIT_", "PG"))},
        "DREAMLIT_DSN": dsn,
        "DREAMLIT_SMTP_URL": f"smtp://mailer:{SECRETS['smtp']}@127.0.0.1:1?starttls=never&timeout=2",
        "DREAMLIT_FROM": "hello@example.com",
        "DREAMLIT_SLACK_API_URL": "http://127.0.0.1:1",
        "DREAMLIT_SLACK_TOKEN": SECRETS["slack"],
        "DREAMLIT_LOG_LEVEL": "DEBUG",
    }


def everything_in(superuser: Connection) -> str:
    """All rows of all our tables and queues, and of what the server shows of its sessions."""
    tables = column(
        superuser,
        "select oid::regclass::text from pg_class where relkind = 'r'"
        " and (relnamespace = 'dreamlit'::regnamespace or relname ~ '_dreamlit_')",
    )
    assert "dreamlit._settings" in tables
    lines = [line for table in tables for line in column(superuser, f"select t::text from {table} as t")]
    lines += column(superuser, "select t::text from dreamlit.doctor() as t")
    return "\n".join(lines)


def test_a_sender_whose_deliveries_fail_shows_no_secret_anywhere(
    admin: Connection, app: Connection, superuser: Connection, dsn_of: DsnOf, tmp_path: Path
) -> None:
    create_users(admin)
    publish(admin, workflow(email(), slack()))
    add_user(app)
    work(superuser, 2)
    log = tmp_path / "sender.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*ENTRY, "sender"],
            env=environment(with_password(dsn_of("sender"))),
            cwd=tmp_path,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: len(rows(superuser, "select from dreamlit.attempts where error is not null")) >= 2)
        sessions = "\n".join(
            column(
                superuser,
                "select a::text from pg_stat_activity as a where application_name like 'dreamlit sender%%'",
            )
        )
        assert sessions
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    said, kept = log.read_text("utf-8"), everything_in(superuser)
    assert "127.0.0.1" in kept  # the errors are there
    assert said
    found = [
        (name, place)
        for name, secret in SECRETS.items()
        for place, text in {"log": said, "database": kept, "sessions": sessions}.items()
        if secret in text
    ]
    assert found == []


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://ann:{}@127.0.0.1:1/app?connect_timeout=2",
        "postgresql://ann:{}@127.0.0.1:x/app",
        "host=127.0.0.1 port=1 password={} nonsense",
    ],
    ids=["nobody there", "a wrong port", "no connection string"],
)
def test_a_command_that_cannot_connect_does_not_repeat_the_password(dsn: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*ENTRY, "health"],
        env=environment(dsn.format(SECRETS["database"])),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("error: ")
    assert SECRETS["database"] not in done.stdout + done.stderr


def test_no_table_of_ours_has_a_column_for_a_secret(superuser: Connection) -> None:
    named = column(
        superuser,
        "select c.oid::regclass || '.' || a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid"
        " where c.relnamespace = 'dreamlit'::regnamespace and a.attnum > 0"
        " and a.attname ~ '(password|token|secret|credential|api_?key|dsn|url)'",
    )
    # Of a bucket's rate, and of the link that was clicked.
    assert {re.sub("_[0-9]{8}", "", name) for name in named} == {
        "dreamlit._buckets.tokens",
        "dreamlit._engagement.url",
        "dreamlit.engagement.url",
        "dreamlit.rates.tokens",
    }


def test_no_setting_of_the_database_takes_a_password(superuser: Connection) -> None:
    names = column(superuser, "select name from dreamlit.settings()")
    assert names
    assert [
        name for name in names if any(word in name for word in ("password", "token", "secret", "key"))
    ] == []

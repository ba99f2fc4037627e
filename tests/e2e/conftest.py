"""The real parts together: a server, the sender as a process of its own, and an inbox that really receives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from dreamlit_cli.demo.inbox import Inbox
from dreamlit_pg.client import Client
from dreamlit_pg.definition import read_folder

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0

StartSender = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox") as inbox:
        yield inbox


@contextmanager
def running_sender(dsn: str, inbox: Inbox, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "DREAMLIT_DSN": dsn,
        "DREAMLIT_SMTP_URL": inbox.smtp_url,
        "DREAMLIT_FROM": "Quill <hello@quill.example>",
        "DREAMLIT_SLACK_API_URL": inbox.slack_api_url,
        "DREAMLIT_SLACK_TOKEN": "xoxb-secret",
    }
    command = [sys.executable, "-c", "from dreamlit_cli.main import main; main()", "sender"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture
def start_sender(inbox: Inbox, tmp_path: Path) -> Iterator[StartSender]:
    """Starts a sender on a database, as a process; all end with the test."""
    with ExitStack() as stack:
        yield lambda dsn: stack.enter_context(running_sender(dsn, inbox, tmp_path / "sender.log"))


def set_up_application(admin_dsn: str) -> None:
    """The application of the examples with its workflows, waits shortened to a second."""
    with psycopg.connect(admin_dsn) as connection:
        connection.execute((EXAMPLES / "schema.sql").read_bytes())
    client = Client(admin_dsn)
    for definition in read_folder(EXAMPLES):
        document = definition.document
        for step in document["steps"]:
            if isinstance(step.get("wait"), str):
                step["wait"] = "1 second"
        client.publish(document)


def eventually(condition: Callable[[], bool], explain: Callable[[], object] = lambda: "") -> None:
    """Wait for what other processes do; the bound is for a hung test, not for speed."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"it never became true: {explain()}")
        time.sleep(0.05)


def act_as_application(app_dsn: str) -> None:
    """Sign-ups, a comment that two follow, a failed payment: as the application's own role."""
    with psycopg.connect(app_dsn) as connection:
        connection.execute(
            "insert into public.users (email, name) values"
            " ('ann@example.com', 'Ann <b>'), ('bob@example.com', 'Bob'), (null, 'Nobody'), ('zoe@example.com', 'Zoë')"
        )
    with psycopg.connect(app_dsn) as connection:
        connection.execute("update public.users set onboarded_at = now() where name = 'Bob'")
        connection.execute("insert into public.posts (author_id, title) values (1, 'On rows')")
        connection.execute("insert into public.follows values (1, 1), (1, 2), (1, 4)")
        connection.execute(
            "insert into public.comments (post_id, author_id, body) values (1, 2, 'Fine & good')"
        )
        connection.execute(
            "insert into public.payments (user_id, amount_cents, card_last4) values (4, 1990, '4242')"
        )
    with psycopg.connect(app_dsn) as connection:
        connection.execute("update public.payments set state = 'failed', failure = 'card expired'")


EXPECTED = sorted(
    [
        ("email", "ann@example.com", "Welcome, Ann <b>"),
        ("email", "bob@example.com", "Welcome, Bob"),
        ("email", "zoe@example.com", "Welcome, Zoë"),
        ("email", "ann@example.com", "Ann <b>, your first post is one click away"),
        ("email", "zoe@example.com", "Zoë, your first post is one click away"),
        ("email", "ann@example.com", "Bob commented on “On rows”"),
        ("email", "zoe@example.com", "Bob commented on “On rows”"),
        ("email", "zoe@example.com", "Your payment of 19.90 EUR did not go through"),
        ("slack", "#signups", ":wave: *Ann &lt;b&gt;* signed up on the free plan"),
        ("slack", "#signups", ":wave: *Bob* signed up on the free plan"),
        ("slack", "#signups", ":wave: *Zoë* signed up on the free plan"),
        ("slack", "#billing", "Payment of 19.90 EUR by Zoë failed"),
    ]
)


def arrived(inbox: Inbox) -> list[tuple[str, str, str]]:
    """What the inbox has received: channel, recipient and subject or text."""
    return sorted(
        (
            message.channel,
            message.to,
            message.subject if message.channel == "email" else message.content["text"],
        )
        for message in list(inbox.messages)
    )


def all_runs_ended(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select count(*) = 5 and bool_and(finished_at is not null) from dreamlit.runs"
        ).fetchone()
    return bool(row and row[0])

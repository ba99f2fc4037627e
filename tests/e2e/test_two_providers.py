"""The first provider is down from the start: everything arrives by the second, once."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from tests.conftest import DsnOf
from tests.e2e.conftest import eventually, running_sender
from tests.helpers import add_users, create_users, email, publish, rows, workflow

from dreamlit_cli.demo.inbox import Inbox

pytestmark = pytest.mark.slow
MANY = 12


def test_while_the_first_server_is_down_mail_goes_by_the_second(
    scheduled_database: str, inbox: Inbox, dsn_of: DsnOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(dsn_of("admin", scheduled_database), autocommit=True) as admin:
        create_users(admin)
        publish(admin, workflow(email()))
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        down: Any = SimpleNamespace(
            smtp_url=f"smtp://127.0.0.1:{taken.getsockname()[1]}", slack_api_url=inbox.slack_api_url
        )
        monkeypatch.setenv("DREAMLIT_SMTP_FALLBACK_URL", inbox.smtp_url)
        log = tmp_path / "sender.log"
        with running_sender(dsn_of("sender", scheduled_database), down, log):
            with psycopg.connect(dsn_of("app", scheduled_database), autocommit=True) as app:
                add_users(app, MANY)
            eventually(lambda: len(inbox.messages) >= MANY, lambda: log.read_text("utf-8"))
        assert Counter(message.to for message in inbox.messages) == {
            f"user{number}@example.com": 1 for number in range(1, MANY + 1)
        }
        with psycopg.connect(scheduled_database) as superuser:
            attempts = rows(superuser, "select provider, outcome, fault from dreamlit.attempts")
        assert {(one["provider"], one["outcome"], one["fault"]) for one in attempts} == {
            ("smtp", "failed", "transient"),
            ("smtp_fallback", "sent", None),
        }
        assert "provider_out" in log.read_text("utf-8")

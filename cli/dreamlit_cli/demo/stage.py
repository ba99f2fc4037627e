"""What the demo stands on: a private cluster, the application, its workflows, an inbox and a sender."""

from __future__ import annotations

import copy
import re
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

import dreamlit_pg
from dreamlit_cli.demo.inbox import Message, read_messages
from dreamlit_cli.demo.processes import Processes
from dreamlit_pg.client import Client
from dreamlit_pg.cluster import Cluster, free_port
from dreamlit_pg.definition import read_folder
from dreamlit_pg.errors import DreamlitError
from dreamlit_pg.install import install
from dreamlit_pg.servers import BARE_DIFFERENCE

DATABASE = "quill"
OWNER, APPLICATION, SENDER = "quill_owner", "quill_app", "quill_sender"
SHORT_WAIT = "5 seconds"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """Everything of one demo lies in `folder` and can be found again there."""

    folder: Path

    @property
    def cluster(self) -> Cluster:
        """The demo's server; the worker is scheduled in the application's own database."""
        return Cluster(self.folder / "cluster", cron_database=DATABASE)

    @property
    def processes(self) -> Processes:
        """The inbox and the sender."""
        return Processes(self.folder)

    @property
    def inbox(self) -> Path:
        """Where the messages lie."""
        return self.folder / "inbox"

    def messages(self) -> list[Message]:
        """What has arrived so far."""
        return list(read_messages(self.inbox))

    def dsn(self, user: str) -> str:
        """How a role reaches the application's database."""
        return self.cluster.dsn(DATABASE, user=user)

    def set_up(self, say: Say) -> None:
        """Bring everything up, from nothing: whatever an earlier demo left is removed."""
        self.tear_down()
        say("starting a private PostgreSQL")
        cluster = self.cluster.start()
        if cluster.kind == "bare":
            say(BARE_DIFFERENCE)
        prepare(cluster.dsn(DATABASE), say)
        say("starting the inbox and the sender")
        self._start_processes()

    def tear_down(self) -> bool:
        """End the processes and the server, and remove the data; says whether anything ran."""
        ran = bool(self.processes.stop())
        if (self.folder / "cluster").is_dir():
            ran = self.cluster.running or ran
            self.cluster.drop()
        shutil.rmtree(self.inbox, ignore_errors=True)
        return ran

    def stop(self) -> bool:
        """End the processes and the server, and keep data and messages; says whether anything ran."""
        ran = bool(self.processes.stop())
        if (self.folder / "cluster").is_dir():
            ran = self.cluster.running or ran
            self.cluster.stop()
        return ran

    def _start_processes(self) -> None:
        smtp, http = free_port(), free_port()
        where = ["--folder", str(self.inbox), "--smtp-port", str(smtp), "--http-port", str(http)]
        self.processes.start("inbox", ["inbox", *where])
        for port in (smtp, http):
            self._wait_for(port)
        self.processes.start(
            "sender",
            ["sender"],
            environment={
                "DREAMLIT_DSN": self.dsn(SENDER),
                "DREAMLIT_FROM": "Quill <hello@quill.example>",
                "DREAMLIT_SMTP_URL": f"smtp://127.0.0.1:{smtp}?starttls=never",
                "DREAMLIT_SLACK_API_URL": f"http://127.0.0.1:{http}/api",
                "DREAMLIT_SLACK_TOKEN": "xoxb-demo",
            },
        )
        (self.folder / "inbox.url").write_text(f"http://127.0.0.1:{http}/\n", "utf-8")

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError as error:
                self.processes.check()
                if time.monotonic() > deadline:
                    raise DreamlitError("the inbox does not answer") from error
                time.sleep(0.1)
            else:
                return


def prepare(dsn: str, say: Say) -> None:
    """Make a database the demo's: the application's tables and roles, dreamlit, the published workflows."""
    say("making the application's tables and roles")
    _make_application(dsn)
    say("installing dreamlit")
    install(dsn)
    with psycopg.connect(dsn) as connection:
        for group, member in (("dreamlit_admin", OWNER), ("dreamlit_sender", SENDER)):
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(member))
            )
    client = Client(make_conninfo(dsn, user=OWNER))
    for definition in read_folder(examples()):
        published = client.publish(with_short_waits(definition.document))
        say(f"published {published.name}, version {published.version}")


def is_prepared(dsn: str) -> bool:
    """Whether the application is there already."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select to_regclass('public.payments') is not null").fetchone()
    return bool(row and row[0])


def _make_application(dsn: str) -> None:
    owner, application = sql.Identifier(OWNER), sql.Identifier(APPLICATION)
    with psycopg.connect(dsn) as connection:
        for role in (OWNER, APPLICATION, SENDER):
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        connection.execute(sql.SQL("grant create, usage on schema public to {}").format(owner))
        connection.execute(sql.SQL("set role {}").format(owner))
        connection.execute((examples() / "schema.sql").read_bytes())
        connection.execute(
            sql.SQL("grant select, insert, update, delete on all tables in schema public to {}").format(
                application
            )
        )


def examples() -> Path:
    """The folder of the example workflows: in the package, or beside it in a checkout."""
    package = Path(dreamlit_pg.__path__[0])
    for folder in (package / "examples", package.parents[1] / "examples"):
        if (folder / "schema.sql").exists():
            return folder
    raise DreamlitError("the examples are missing from this installation", hint="reinstall dreamlit-pg")


def with_short_waits(document: dict[str, Any]) -> dict[str, Any]:
    """The same workflow for people who cannot wait: every wait of days lasts seconds."""
    document = copy.deepcopy(document)
    for step in document["steps"]:
        if isinstance(step.get("wait"), str) and re.match(r"\d", step["wait"]):
            step["wait"] = SHORT_WAIT
    return document

"""The command line as people run it: parsed by click, on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict
from tests.conftest import DsnOf, _unschedule
from tests.helpers import Connection

from dreamlit_cli.main import cli
from dreamlit_pg.cluster import Cluster

EXAMPLES = Path(__file__).parents[2] / "examples"

WELCOME = """\
workflow: welcome
trigger: {table: public.users, on: insert, when: new.email is not null}
steps:
  - id: greet
    email: {to: "{{ trigger.email }}", subject: "Hi {{ trigger.name }}", text: "Hello [{{ trigger.name }}]"}
  - id: nap
    wait: 1 hour
"""


@dataclass(frozen=True)
class Answer:
    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


Run = Callable[..., Answer]


@pytest.fixture
def run(database: str, dsn_of: DsnOf) -> Run:
    """Runs a command as a role (the publisher unless told otherwise)."""

    def run(*words: str, role: str = "admin", text: str | None = None, dsn: str | None = None) -> Answer:
        result = CliRunner().invoke(cli, ["--dsn", dsn or dsn_of(role), *words], input=text)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def empty(cluster: Cluster, database: str) -> Iterator[str]:
    """The dsn of a database without dreamlit."""
    name = f"{conninfo_to_dict(database)['dbname']}_empty"
    cluster.create_database(name)
    yield cluster.dsn(name)
    _unschedule(cluster, name)
    cluster.drop_database(name)


@pytest.fixture
def welcome(admin: Connection, tmp_path: Path) -> Path:
    """A workflow in a file, and the table that it watches."""
    admin.execute("create table public.users (id bigint primary key, email text, name text)")
    file = tmp_path / "welcome.yaml"
    file.write_text(WELCOME, "utf-8")
    return file


@pytest.fixture
def one_run(run: Run, welcome: Path, admin: Connection, superuser: Connection) -> int:
    """A run whose message is queued; returns its id."""
    assert run("publish", str(welcome)).status == 0
    admin.execute("insert into public.users values (1, 'ann@example.com', 'Ann')")
    superuser.execute("call dreamlit.work(0)")
    found: int = run("runs", "--json").json[0]["run_id"]
    return found

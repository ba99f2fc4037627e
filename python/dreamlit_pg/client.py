"""The Python client: calls the engine's functions and reads its views.

    client = Client("postgresql://app_owner@localhost/app")
    client.publish(read_workflow("welcome.yaml").document)
    client.runs(state="failed")

Given a DSN, every call is a transaction of its own. Given a psycopg connection, the caller owns the
transaction: nothing is committed here. Every error of the database is raised as one of
``dreamlit_pg.errors``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from sqlalchemy import Select, Table, select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from dreamlit_pg import tables
from dreamlit_pg.errors import NotFound, NotInstalled, from_database

_DIALECT = dialect()  # type: ignore[no-untyped-call]

Connection = psycopg.Connection[Any]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published workflow; `changed` is False where the same definition was published already."""

    name: str
    version: int
    changed: bool


class Client:
    """One database. Not for several threads at once."""

    def __init__(self, database: str | Connection) -> None:
        self._database = database

    # Defining

    def publish(self, document: Mapping[str, Any]) -> Published:
        """Publish a definition. Raises DefinitionError with all faults, WrongState, LockTimeout."""
        row = self._call("select workflow, version, changed from dreamlit.publish(%s)", json.dumps(document))
        return Published(name=row["workflow"], version=row["version"], changed=row["changed"])

    def unpublish(self, name: str, *, cancel_runs: bool = False) -> int:
        """Take a workflow's triggers away; returns how many runs are open. Raises NotFound, LockTimeout."""
        return int(
            self._call("select open_runs from dreamlit.unpublish(%s, %s)", name, cancel_runs)["open_runs"]
        )

    def pause(self, name: str) -> str:
        """Stop a workflow at once; returns its state. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.pause(%s) as value", name))

    def resume(self, name: str) -> str:
        """Let a paused workflow go on; returns its state. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.resume(%s) as value", name))

    # Running

    def start(self, name: str, payload: Mapping[str, Any] | None = None) -> int:
        """Start a run by hand; returns its id. Raises NotFound, WrongState, DefinitionError (payload)."""
        return int(self._value("select dreamlit.start(%s, %s) as value", name, json.dumps(payload or {})))

    def cancel_run(self, run_id: int) -> str:
        """Cancel a run; returns its state. Raises NotFound."""
        return str(self._value("select dreamlit.cancel_run(%s) as value", run_id))

    def retry_run(self, run_id: int) -> int:
        """Resume a run's failed tasks; returns how many. Raises NotFound, WrongState."""
        return int(self._value("select dreamlit.retry_run(%s) as value", run_id))

    def release(self, message_id: int) -> str:
        """Send a held message once more; returns its state. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.release(%s) as value", message_id))

    def discard(self, message_id: int, *, delivered: bool = False) -> str:
        """Settle a held message without sending it; returns its state. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.discard(%s, %s) as value", message_id, delivered))

    def set_setting(self, name: str, value: Any) -> Any:
        """Change a setting; returns its value. Raises NotFound, DefinitionError."""
        return self._value("select dreamlit.set_setting(%s, %s) as value", name, json.dumps(value))

    # Reading: lists of dictionaries, a key a column of the view, newest first

    def workflows(self) -> list[Row]:
        """All workflows, by name."""
        return self._read(select(tables.workflows).order_by(tables.workflows.c.name))

    def runs(self, *, workflow: str | None = None, state: str | None = None, limit: int = 100) -> list[Row]:
        """Runs, of a workflow or in a state."""
        query = _filtered(tables.runs, workflow=workflow, state=state)
        return self._read(query.order_by(tables.runs.c.run_id.desc()).limit(limit))

    def run(self, run_id: int) -> Row:
        """One run. Raises NotFound."""
        return self._one(_filtered(tables.runs, run_id=run_id), f"run {run_id}")

    def tasks(self, run_id: int) -> list[Row]:
        """The tasks of a run, in the order of their start."""
        return self._read(_filtered(tables.tasks, run_id=run_id).order_by(tables.tasks.c.task_id))

    def messages(self, *, limit: int = 100, **filters: Any) -> list[Row]:
        """Messages, by any columns: run_id, workflow, step, channel, recipient, state."""
        query = _filtered(tables.messages, **filters)
        return self._read(query.order_by(tables.messages.c.message_id.desc()).limit(limit))

    def message(self, message_id: int) -> Row:
        """One message with its content. Raises NotFound."""
        return self._one(_filtered(tables.messages, message_id=message_id), f"message {message_id}")

    def attempts(self, message_id: int) -> list[Row]:
        """The tries at a message, in their order."""
        return self._read(
            _filtered(tables.attempts, message_id=message_id).order_by(tables.attempts.c.attempt)
        )

    def events(self, *, workflow: str | None = None, limit: int = 100) -> list[Row]:
        """What was captured, waiting and taken."""
        query = _filtered(tables.event_log, workflow=workflow)
        return self._read(query.order_by(tables.event_log.c.occurred_at.desc()).limit(limit))

    def health(self) -> list[Row]:
        """The checks of dreamlit.health."""
        return self._read(select(tables.health))

    def doctor(self) -> list[Row]:
        """Every check of the installation: name, state (ok, warning, critical), detail, mend."""
        return self._rows("select name, state, detail, mend from dreamlit.doctor()", ())

    def settings(self) -> list[Row]:
        """Every setting: name, value, meaning."""
        return self._rows("select name, value, meaning from dreamlit.settings()", ())

    def release_installed(self) -> str | None:
        """The release of the engine in this database, None without one."""
        try:
            return str(self._value("select dreamlit.version() as value"))
        except NotInstalled:
            return None

    def triggers(self, name: str) -> set[str]:
        """The triggers that a workflow has on its table, as `insert on public.users`."""
        return {row["trigger"] for row in self._rows("select trigger from dreamlit.triggers(%s)", (name,))}

    def parents(self, name: str, version: int) -> dict[str, str]:
        """The steps of a version, each with its parent's id, parents first."""
        rows = self._rows("select step, parent from dreamlit.steps(%s, %s)", (name, version))
        return {row["step"]: row["parent"] for row in rows}

    # The connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            if isinstance(self._database, str):
                with psycopg.connect(self._database) as connection:
                    yield connection
            else:
                yield self._database
        except psycopg.Error as exc:
            raise from_database(exc) from exc

    def _rows(self, query: str, parameters: Any) -> list[DictRow]:
        with self._connected() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def _call(self, query: str, *parameters: Any) -> Row:
        return self._rows(query, parameters)[0]

    def _value(self, query: str, *parameters: Any) -> Any:
        return self._call(query, *parameters)["value"]

    def _read(self, query: Select[Any]) -> list[Row]:
        compiled = query.compile(dialect=_DIALECT)
        return self._rows(str(compiled), compiled.params)

    def _one(self, query: Select[Any], what: str) -> Row:
        rows = self._read(query)
        if not rows:
            raise NotFound(f"there is no {what}", hint="look in the list", code="DL002")
        return rows[0]


def _filtered(view: Table, **filters: Any) -> Select[Any]:
    chosen = [view.c[name] == value for name, value in filters.items() if value is not None]
    return select(view).where(*chosen)

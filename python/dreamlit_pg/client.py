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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import Select, Table, func, select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from dreamlit_pg import tables
from dreamlit_pg.errors import NotFound, NotInstalled, from_database
from dreamlit_pg.previews import Preview, rendered
from dreamlit_pg.reading import read_everything

_DIALECT = dialect()  # type: ignore[no-untyped-call]

_PREVIEW = (
    "select step, channel, content, error, context::text, marks, templates"
    " from dreamlit.preview(%s, %s, %s, %s, %s)"
)
_PREVIEW_DEFINITION = _PREVIEW.replace("preview(", "preview_definition(")

Connection = psycopg.Connection[Any]
Row = dict[str, Any]
Time = datetime | None


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

    def publish(self, document: Mapping[str, Any], *, sandbox: bool = False) -> Published:
        """Publish a definition, into the sandbox if told so.

        Raises DefinitionError with all faults, WrongState, LockTimeout.
        """
        row = self._call(
            "select workflow, version, changed from dreamlit.publish(%s, %s)", json.dumps(document), sandbox
        )
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

    def set_sandbox(self, name: str, *, sandbox: bool) -> bool:
        """Hold all messages of a workflow, or no more; returns whether they are held. Raises NotFound."""
        return bool(self._value("select dreamlit.set_sandbox(%s, %s) as value", name, sandbox))

    def redirect(self, name: str, *, email: str | None = None, slack: str | None = None) -> Row | None:
        """Send a workflow's messages to one address and one channel; with neither, to whom they are for.

        Raises NotFound, DefinitionError for what is no address or channel.
        """
        found: Row | None = self._value("select dreamlit.redirect(%s, %s, %s) as value", name, email, slack)
        return found

    def rollback(self, name: str, version: int) -> Published:
        """Publish an earlier version's definition again. Raises NotFound, WrongState and as publish does."""
        row = self._call("select workflow, version, changed from dreamlit.rollback(%s, %s)", name, version)
        return Published(name=row["workflow"], version=row["version"], changed=row["changed"])

    def migrate_runs(
        self, name: str, from_version: int, *, to_version: int | None = None, dry_run: bool = False
    ) -> list[Row]:
        """Move waiting runs to another version, the published one by default.

        Returns every open run of the version: run_id, moved, reason (None for one that moves). Raises
        NotFound, WrongState.
        """
        return self._rows(
            "select run_id, moved, reason from dreamlit.migrate_runs(%s, %s, %s, %s)",
            (name, from_version, to_version, dry_run),
        )

    def retire_version(self, name: str, version: int) -> str:
        """Give up a version that is kept for its failed runs. Raises NotFound, WrongState.

        Returns retired; or marked, which means: commit, and call it again when all transactions that are open
        now have ended.
        """
        return str(self._value("select dreamlit.retire_version(%s, %s) as value", name, version))

    def detach_workflows(self, table: str | None) -> list[Row]:
        """Unpin a table (None: everything) until attach_workflows, in the caller's transaction.

        Returns the versions: workflow, version. Raises NotAllowed, LockTimeout.
        """
        return self._rows("select workflow, version from dreamlit.detach_workflows(%s::regclass)", (table,))

    def attach_workflows(self) -> list[Row]:
        """Compile what is detached again; returns the versions. Raises DefinitionError with all faults."""
        return self._rows("select workflow, version from dreamlit.attach_workflows()", ())

    # Running

    def start(self, name: str, payload: Mapping[str, Any] | None = None) -> int:
        """Start a run by hand; returns its id. Raises NotFound, WrongState, DefinitionError (payload)."""
        document = json.dumps({} if payload is None else payload)
        return int(self._value("select dreamlit.start(%s, %s) as value", name, document))

    def preview(
        self,
        workflow: str | Mapping[str, Any],
        *,
        row: str | None = None,
        payload: Mapping[str, Any] | None = None,
        step: str | None = None,
        all_branches: bool = False,
    ) -> list[Preview]:
        """The messages that a workflow (a name, or a definition that need not be published) would make now.

        Of the row with this primary key, of the newest one, or of a payload. Nothing is sent or kept. Raises
        NotFound, WrongState, DefinitionError.
        """
        rows = self._rows(
            _PREVIEW if isinstance(workflow, str) else _PREVIEW_DEFINITION,
            (
                workflow if isinstance(workflow, str) else json.dumps(workflow),
                row,
                None if payload is None else json.dumps(payload),
                step,
                all_branches,
            ),
        )
        return rendered(rows)

    def cancel_run(self, run_id: int) -> str:
        """Cancel a run; returns its state. Raises NotFound."""
        return str(self._value("select dreamlit.cancel_run(%s) as value", run_id))

    def retry_run(self, run_id: int) -> int:
        """Resume a run's failed tasks; returns how many. Raises NotFound, WrongState."""
        return int(self._value("select dreamlit.retry_run(%s) as value", run_id))

    def rerun(self, run_id: int, *, version: int | None = None) -> int:
        """Start a run's event afresh; returns the new run's id. Raises NotFound, WrongState."""
        return int(self._value("select dreamlit.rerun(%s, %s) as value", run_id, version))

    # Many at once: of a workflow, started since and before; dry_run only counts

    def retry_failed(
        self, workflow: str | None = None, *, since: Time = None, until: Time = None, dry_run: bool = False
    ) -> Row:
        """Resume all failed tasks; returns how many runs and tasks, and how many runs are retired."""
        return self._call(
            "select runs, tasks, retired from dreamlit.retry_failed(%s, %s, %s, %s)",
            workflow, since, until, dry_run,
        )  # fmt: skip

    def rerun_runs(
        self,
        workflow: str,
        *,
        states: Sequence[str] = ("failed",),
        since: Time = None,
        until: Time = None,
        version: int | None = None,
        dry_run: bool = False,
    ) -> Row:
        """Start the events of runs afresh; returns how many, and how many do not fit the version."""
        return self._call(
            "select runs, unfit from dreamlit.rerun_runs(%s, %s::text[], %s, %s, %s, %s)",
            workflow, list(states), since, until, version, dry_run,
        )  # fmt: skip

    def cancel_runs(
        self, workflow: str | None = None, *, since: Time = None, until: Time = None, dry_run: bool = False
    ) -> Row:
        """Cancel open runs; returns how many, and how many messages are not sent."""
        return self._call(
            "select runs, messages from dreamlit.cancel_runs(%s, %s, %s, %s)", workflow, since, until, dry_run
        )

    def release_messages(self, workflow: str, *, reason: str = "sandbox", dry_run: bool = False) -> int:
        """Send all held messages of a workflow; returns how many. Raises NotFound."""
        return int(
            self._value("select dreamlit.release_messages(%s, %s, %s) as value", workflow, reason, dry_run)
        )

    def discard_messages(self, workflow: str, *, reason: str = "sandbox", dry_run: bool = False) -> int:
        """Settle all held messages of a workflow without sending them; returns how many. Raises NotFound."""
        return int(
            self._value("select dreamlit.discard_messages(%s, %s, %s) as value", workflow, reason, dry_run)
        )

    # One message

    def release(self, message_id: int) -> str:
        """Send a held message; returns its state. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.release(%s) as value", message_id))

    def discard(self, message_id: int, *, delivered: bool = False) -> str:
        """Settle a held message without sending it; returns its state. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.discard(%s, %s) as value", message_id, delivered))

    def set_setting(self, name: str, value: Any) -> Any:
        """Change a setting; returns its value. Raises NotFound, DefinitionError."""
        return self._value("select dreamlit.set_setting(%s, %s) as value", name, json.dumps(value))

    # People

    def export_person(self, address: str) -> Row:
        """Everything that is kept about an address. Raises DefinitionError for what is none."""
        return dict(self._value("select dreamlit.export_person(%s) as value", address))

    def erase_person(self, address: str) -> list[Row]:
        """Erase a person by address; returns what and how many. Raises DefinitionError for what is none."""
        return self._rows("select what, erased from dreamlit.erase_person(%s)", (address,))

    def suppress(self, address: str, *, reason: str = "by hand") -> bool:
        """Send no more mail to an address; returns whether that is new. Raises DefinitionError."""
        return bool(self._value("select dreamlit.suppress(%s, %s) as value", address, reason))

    def unsuppress(self, address: str) -> bool:
        """Let mail go to an address again; returns whether it was suppressed."""
        return bool(self._value("select dreamlit.unsuppress(%s) as value", address))

    def brand(self) -> Row:
        """What templates know as brand, every key of it."""
        return dict(self._value("select dreamlit.brand() as value"))

    def set_brand(self, brand: Row) -> Row:
        """Replace the brand; returns it with its defaults. Raises DefinitionError for what it cannot be."""
        return dict(self._value("select dreamlit.set_brand(%s) as value", Jsonb(brand)))

    def set_topic(self, name: str, title: str, *, description: str | None = None) -> bool:
        """Make a topic or give it another title; returns whether it is new. Raises DefinitionError."""
        return bool(self._value("select dreamlit.set_topic(%s, %s, %s) as value", name, title, description))

    def drop_topic(self, name: str) -> str:
        """Take away a topic that no published workflow uses. Raises NotFound, WrongState."""
        return str(self._value("select dreamlit.drop_topic(%s) as value", name))

    def set_preference(
        self, address: str, topic: str | None, *, subscribed: bool, channel: str | None = None
    ) -> bool:
        """Turn a topic (None: everything) on or off for a person; returns whether that changed anything.

        Raises DefinitionError for something that is no address, NotFound for an unknown topic.
        """
        query = "select dreamlit.set_preference(%s, %s, %s, %s) as value"
        return bool(self._value(query, address, topic, subscribed, channel))

    def test_alert(self) -> list[int]:
        """Tell the owner that this is a test; returns the messages' ids. Raises WrongState."""
        return list(self._value("select dreamlit.test_alert() as value"))

    # Reading: lists of dictionaries, a key a column of the view, newest first. A moment beyond Python's
    # calendar ('infinity') is read as reading.LATEST or EARLIEST.

    def workflows(self) -> list[Row]:
        """All workflows, by name."""
        return self._read(select(tables.workflows).order_by(tables.workflows.c.name))

    def versions(self, name: str | None = None) -> list[Row]:
        """The versions of a workflow, or of all. Raises NotFound if there is none of that name."""
        query = _filtered(tables.versions, workflow=name)
        found = self._read(query.order_by(tables.versions.c.workflow, tables.versions.c.version.desc()))
        if name is not None and not found:
            raise NotFound(f"there is no workflow {name}", hint="look in dreamlit.workflows", code="DL002")
        return found

    def version_diff(self, name: str, from_version: int, to_version: int) -> list[Row]:
        """What differs between two versions: place, before, after. Raises NotFound."""
        return self._rows(
            "select place, before, after from dreamlit.version_diff(%s, %s, %s)",
            (name, from_version, to_version),
        )

    def compiled_objects(self) -> list[Row]:
        """What publishing has made: workflow, version, state, place, object, reads."""
        return self._rows(
            "select workflow, version, state, place, object, reads from dreamlit.compiled_objects()", ()
        )

    def runs(
        self,
        *,
        workflow: str | None = None,
        state: str | None = None,
        recipient: str | None = None,
        since: Time = None,
        limit: int = 100,
    ) -> list[Row]:
        """Runs, of a workflow, in a state, with a message to a recipient, started since."""
        view, messages = tables.runs, tables.messages
        query = _filtered(view, workflow=workflow, state=state)
        if recipient is not None:
            query = query.where(
                view.c.run_id.in_(select(messages.c.run_id).where(messages.c.recipient == recipient))
            )
        if since is not None:
            query = query.where(view.c.started_at >= since)
        return self._read(query.order_by(view.c.run_id.desc()).limit(limit))

    def run(self, run_id: int) -> Row:
        """One run. Raises NotFound."""
        return self._one(_filtered(tables.runs, run_id=run_id), f"run {run_id}")

    def run_log(self, run_id: int) -> list[Row]:
        """What happened in a run, in the order of time. Raises NotFound."""
        return self._rows("select * from dreamlit.run_log(%s)", (run_id,))

    def activity(self, *, since: datetime, limit: int = 1000, **filters: Any) -> list[Row]:
        """What happened since then, the oldest first, at most the newest `limit`.

        Filters are columns: workflow, run_id, state, recipient, step.
        """
        view = tables.activity
        query = _filtered(view, **filters).where(view.c.at >= since).order_by(view.c.at.desc()).limit(limit)
        return self._read(query)[::-1]

    def alerts(self, *, limit: int = 100) -> list[Row]:
        """Troubles that the owner is told of, open ones first."""
        view = tables.alerts
        order = (view.c.closed_at.is_not(None), view.c.alert_id.desc())
        return self._read(select(view).order_by(*order).limit(limit))

    def tasks(self, run_id: int) -> list[Row]:
        """The tasks of a run, in the order of their start."""
        return self._read(_filtered(tables.tasks, run_id=run_id).order_by(tables.tasks.c.task_id))

    def messages(self, *, since: Time = None, limit: int = 100, **filters: Any) -> list[Row]:
        """Messages made since then, by any columns: run_id, workflow, step, channel, recipient, state."""
        query = _filtered(tables.messages, **filters)
        if since is not None:
            query = query.where(tables.messages.c.created_at >= since)
        return self._read(query.order_by(tables.messages.c.message_id.desc()).limit(limit))

    def message(self, message_id: int) -> Row:
        """One message with its content. Raises NotFound."""
        return self._one(_filtered(tables.messages, message_id=message_id), f"message {message_id}")

    def attempts(self, message_id: int) -> list[Row]:
        """The tries at a message, in their order."""
        return self._read(
            _filtered(tables.attempts, message_id=message_id).order_by(tables.attempts.c.attempt)
        )

    def topics(self) -> list[Row]:
        """All topics, by name."""
        return self._read(select(tables.topics).order_by(tables.topics.c.topic))

    def preferences(self, address: str) -> list[Row]:
        """What a person chose: everything (topic None) first, then each topic. Raises DefinitionError."""
        return self._rows("select * from dreamlit.preferences(%s)", (address,))

    def engagement(self, *, since: Time = None, limit: int = 100, **filters: Any) -> list[Row]:
        """What happened to messages, stored since then, by any columns: message_id, kind, recipient."""
        view = tables.engagement
        query = _filtered(view, **filters)
        if since is not None:
            query = query.where(view.c.recorded_at >= since)
        return self._read(query.order_by(view.c.recorded_at.desc()).limit(limit))

    def message_stats(self, *, workflow: str | None = None, days: int = 30) -> list[Row]:
        """What became of messages of so many days, a row a workflow, step, version, day and channel."""
        view = tables.message_stats
        query = _filtered(view, workflow=workflow).where(view.c.day > func.current_date() - days)
        order = (view.c.day.desc(), view.c.workflow, view.c.step, view.c.version.desc(), view.c.channel)
        return self._read(query.order_by(*order))

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
            read_everything(cursor)
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

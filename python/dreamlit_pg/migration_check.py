"""What a migration would do to the published workflows: run statement by statement, and always rolled back.

    report = check_migration(dsn, Path("0042_narrow_email.sql").read_text())
    report.ok                  False if anything is blocked or broken, or a statement failed
    report.workflows[0].verdict      untouched, follows, blocked or broken

The statements take the locks that they would take, for as long as the check runs: use a copy of the database,
or a short `lock_timeout`. Sequences stay where the statements moved them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
import sqlparse

from dreamlit_pg.client import Client
from dreamlit_pg.errors import DefinitionError, DreamlitError, from_database

State = Literal["ran", "blocked", "failed", "skipped", "not examined"]
Verdict = Literal["untouched", "follows", "broken", "blocked"]
Row = dict[str, Any]

_CONTROL = {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare"}
_DATA = {"insert", "update", "delete", "comment", "set", "show", "analyze", "values"}
_BLANK = re.compile(r"\s+|--[^\n]*(?:\n|$)")
_WORD = re.compile(r"\\?\w+")
_CHECKED = re.compile(r"workflow (?P<published>\S+)|version (?P<version>\d+) of (?P<old>\S+)")
_RENAMED = "a captured column has been renamed"
_ORDER: tuple[Verdict, ...] = ("untouched", "follows", "broken", "blocked")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of the file: the line that it begins in, its first line, and what became of it."""

    line: int
    text: str
    state: State
    message: str | None = None
    way: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a statement does to a version: where in its definition, what, and the way through."""

    verdict: Verdict
    line: int
    place: str
    fact: str
    way: str


@dataclass(kw_only=True)
class Checked:
    """A version of a workflow, with what the migration does to it."""

    workflow: str
    version: int
    state: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings, untouched without any."""
        return max((finding.verdict for finding in self.findings), key=_ORDER.index, default="untouched")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What each statement did, and what all of them do to each version that captures or has runs."""

    statements: list[Statement]
    workflows: list[Checked]

    @property
    def ok(self) -> bool:
        """Whether everything ran and no workflow is blocked or broken."""
        return all(statement.state not in ("blocked", "failed") for statement in self.statements) and all(
            checked.verdict in ("untouched", "follows") for checked in self.workflows
        )


def check_migration(dsn: str, migration: str, *, lock_timeout: str = "2s") -> Report:
    """Run a migration in a transaction that is rolled back; returns what it would do.

    Commits nothing. Takes the migration's locks while it runs, waiting for each at most `lock_timeout` (as
    PostgreSQL writes it). Raises NotInstalled, NotAllowed, ConnectionLost.
    """
    try:
        with psycopg.connect(dsn, application_name="dreamlit check-migration") as connection:
            try:
                connection.execute("select set_config('lock_timeout', %s, true)", (lock_timeout,))
                return _Check(connection).run(migration)
            finally:
                connection.rollback()
    except psycopg.Error as exc:
        raise from_database(exc) from exc


def split(migration: str) -> Iterator[tuple[int, str]]:
    """The statements of a file, each with the line that it begins in, comments before it aside."""
    position = 0
    for statement in sqlparse.split(migration):
        position = migration.index(statement, position)
        start = position + _skip_blank(statement)
        position += len(statement)
        if start < position:
            yield migration.count("\n", 0, start) + 1, migration[start:position]


def _skip_blank(text: str) -> int:
    """Where the first word stands. PostgreSQL's comments nest, so this counts them itself."""
    at = depth = 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair == "/*":
            depth, at = depth + 1, at + 2
        elif depth:
            depth, at = (depth - 1, at + 2) if pair == "*/" else (depth, at + 1)
        elif blank := _BLANK.match(text, at):
            at = blank.end()
        else:
            return at
    return at


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """The workflows at one moment: what is compiled, what the doctor finds wrong, and the versions in use."""

    objects: list[Row]
    problems: list[Row]
    versions: list[Row]

    def problem_keys(self) -> list[tuple[str, ...]]:
        """What tells one problem from another, in their order."""
        return [(row["name"], row["state"], row["detail"]) for row in self.problems]

    def renames(self, before: _Sight) -> list[tuple[str, ...]]:
        """What is called otherwise than before: workflow, version, place, the old name and the new one."""
        earlier = {(row["workflow"], row["version"], row["object"]): row["reads"] for row in before.objects}
        found = []
        for row in self.objects:
            old = earlier.get((row["workflow"], row["version"], row["object"]), {})
            for key, name in row["reads"].items():
                if name != old.get(key, name):
                    names = _qualified(key, old), _qualified(key, row["reads"])
                    found.append((row["workflow"], str(row["version"]), row["place"], *names))
        return list(dict.fromkeys(found))


def _qualified(key: str, reads: Row) -> str:
    table = key.partition(".")[0]
    return str(reads[key]) if table == key else f"{reads[table]}.{reads[key]}"


class _Check:
    """One run over a migration, on a connection that the caller rolls back."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._client = Client(connection)
        self._statements: list[Statement] = []
        self._blocked: list[tuple[Row, Finding]] = []
        self._since: dict[tuple[str, ...], int] = {}
        self._before = self._look()
        self._last = self._before

    def run(self, migration: str) -> Report:
        line = 1
        for line, text in split(migration):
            self._statement(line, text)
        self._end(line)
        return Report(statements=self._statements, workflows=self._judge())

    # Statements

    def _statement(self, line: int, text: str) -> None:
        match = _WORD.match(text)
        word = match[0].lower() if match else ""
        if word in _CONTROL:
            self._note(line, text, "skipped", "the check is one transaction")
        elif word.startswith("\\"):
            self._note(line, text, "not examined", "a command of psql, not of the server")
        elif word == "copy" and re.search(r"\bfrom\s+stdin\b", text, re.IGNORECASE):
            self._note(line, text, "not examined", "its data is not read here")
        else:
            self._run(line, text)
            if word not in _DATA:
                self._look_again(line)

    def _run(self, line: int, text: str) -> None:
        try:
            self._execute(text)
        except psycopg.errors.ActiveSqlTransaction as exc:
            self._note(line, text, "not examined", _message(exc))
        except psycopg.Error as exc:
            blocking = self._blocking(exc)
            if blocking:
                self._block(line, text, exc, blocking)
            else:
                self._note(line, text, "failed", _message(exc), exc.diag.message_hint)
        else:
            self._note(line, text, "ran")

    def _execute(self, text: str) -> None:
        # Prepared: the server then takes one statement only, whatever the splitting made of the file.
        with self._connection.transaction():
            self._connection.execute(text.encode(), prepare=True)
        if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
            raise DreamlitError("the migration ended the transaction", hint="run the check on a copy")

    def _note(
        self, line: int, text: str, state: State, message: str | None = None, way: str | None = None
    ) -> None:
        first = text.splitlines()[0].rstrip("; ")
        self._statements.append(Statement(line=line, text=first, state=state, message=message, way=way))

    def _end(self, line: int) -> None:
        """What a commit would still check: deferred constraints, and that nothing was left detached."""
        try:
            with self._connection.transaction():
                self._connection.execute("set constraints all immediate")
        except psycopg.Error as exc:
            self._note(line, "commit", "failed", _message(exc), exc.diag.message_hint)
        self._look_again(line)

    # What stands in the way

    def _blocking(self, exc: psycopg.Error) -> list[Row]:
        told = f"{exc.diag.message_primary}\n{exc.diag.message_detail}"
        named = [
            row
            for row in self._last.objects
            if re.search(rf'(?<![\w."]){re.escape(row["object"])}(?![\w"])', told)
        ]
        if exc.sqlstate != "0A000":
            return named
        # For a change of type PostgreSQL names only the first of those that depend on the column.
        tables = {key for row in named for key in row["reads"] if "." not in key}
        return [
            row
            for row in self._last.objects
            if row in named
            or any(
                key.partition(".")[0] in tables and f'"{name}"' in told
                for key, name in row["reads"].items()
                if "." in key
            )
        ]

    def _block(self, line: int, text: str, exc: psycopg.Error, blocking: list[Row]) -> None:
        table = _table_of(text, blocking)
        way = _detached_way(table, text)
        error = self._try_detached(table, text)
        self._note(line, text, "blocked", _message(exc), way if error is None else None)
        for row in blocking:
            self._blocked.append(
                (
                    row,
                    Finding(
                        verdict="blocked",
                        line=line,
                        place=row["place"],
                        fact=_message(exc),
                        way=way if error is None else _way_despite(error, row, way),
                    ),
                )
            )

    def _try_detached(self, table: str | None, text: str) -> DreamlitError | None:
        """Run it while the workflows are detached, and let it stand if that goes through; else why not."""
        try:
            with self._connection.transaction():
                self._client.detach_workflows(table)
                self._execute(text)
                self._client.attach_workflows()
        except psycopg.Error as exc:
            return from_database(exc)
        except DreamlitError as exc:
            return exc
        return None

    def _value(self, query: str, *parameters: object) -> Any:
        row = self._connection.execute(query.encode(), parameters or None).fetchone()
        return row[0] if row else None

    # What has become of the workflows

    def _look(self) -> _Sight:
        return _Sight(
            objects=self._client.compiled_objects(),
            problems=[
                row
                for row in self._client.doctor()
                if row["state"] != "ok"
                and _CHECKED.fullmatch(row["name"])
                and not row["detail"].startswith(_RENAMED)
            ],
            versions=[row for row in self._client.versions() if row["state"] in ("published", "draining")],
        )

    def _look_again(self, line: int) -> None:
        """Look with the rights of the session, whatever role the migration has set."""
        role = self._value("select current_setting('role')")
        self._value("select set_config('role', 'none', true)")
        self._last = self._look()
        self._value("select set_config('role', %s, true)", role)
        for key in (*self._last.problem_keys(), *self._last.renames(self._before)):
            self._since.setdefault(key, line)

    def _judge(self) -> list[Checked]:
        checked = {
            (row["workflow"], row["version"]): Checked(
                workflow=row["workflow"], version=row["version"], state=row["state"]
            )
            for row in self._before.versions
        }
        for row, finding in self._blocked:
            found = checked.setdefault(
                (row["workflow"], row["version"]),
                Checked(workflow=row["workflow"], version=row["version"], state=row["state"]),
            )
            if finding not in found.findings:
                found.findings.append(finding)
        for finding_of, finding in (*self._broken(), *self._followed()):
            if finding_of in checked and finding not in checked[finding_of].findings:
                checked[finding_of].findings.append(finding)
        return sorted(checked.values(), key=lambda found: (found.workflow, found.version))

    def _broken(self) -> Iterator[tuple[tuple[str, int], Finding]]:
        published = {
            row["workflow"]: row["version"] for row in self._before.versions if row["state"] == "published"
        }
        before = set(self._before.problem_keys())
        for row, key in zip(self._last.problems, self._last.problem_keys(), strict=True):
            match = _CHECKED.fullmatch(row["name"])
            if key in before or match is None:
                continue
            name = match["old"] or match["published"]
            version = int(match["version"]) if match["version"] else published.get(name, 0)
            way = (
                row["mend"]
                if row["state"] == "warning"
                else f"do without it, or mend it in the same migration: {row['mend']}"
            )
            yield (
                (name, version),
                Finding(verdict="broken", line=self._since[key], place="", fact=row["detail"], way=way),
            )

    def _followed(self) -> Iterator[tuple[tuple[str, int], Finding]]:
        for key in self._last.renames(self._before):
            workflow, version, place, old, new = key
            finding = Finding(
                verdict="follows",
                line=self._since[key],
                place=place,
                fact=f"{old} is now {new}",
                way="nothing at once; publish the definition with the new name before it is next changed",
            )
            yield (workflow, int(version)), finding


def _message(exc: psycopg.Error) -> str:
    return exc.diag.message_primary or str(exc)


def _table_of(text: str, blocking: Sequence[Row]) -> str | None:
    """The one table that both the statement and what stands in its way name; None if that is not clear."""
    read = {name for row in blocking for key, name in row["reads"].items() if "." not in key}
    named = {
        name
        for name in read
        if re.search(rf"(?<!\w){re.escape(name.rpartition('.')[2])}(?!\w)", text, re.IGNORECASE)
    }
    return named.pop() if len(named) == 1 else None


def _detached_way(table: str | None, text: str) -> str:
    name = "null" if table is None else "'{}'".format(table.replace("'", "''"))
    call = f"dreamlit.with_workflows_detached({name}, $migration$ {text.rstrip('; ')} $migration$)"
    return f"select * from {call}"  # noqa: S608 - told to people, not run


def _way_despite(error: DreamlitError, row: Row, way: str) -> str:
    """What to do about a version where detaching alone does not help."""
    name, place = (f"{row['workflow']}{word}{row['version']}" for word in (" ", " version "))
    faults = (
        [fault for fault in error.faults if fault.place.startswith(f"{place}:")]
        if isinstance(error, DefinitionError)
        else None
    )
    if faults is None:
        return f"detached it does not go through either: {error.message}" + (
            f" ({error.hint})" if error.hint else ""
        )
    if not faults:
        return f"once the other versions are out of the way: {way}"
    match row["state"]:
        case "published":
            first = (
                f"first publish a definition that does without it ({faults[0].fact}): dreamlit publish FILE"
            )
        case "draining":
            first = f"first move its runs on, or wait for their end: dreamlit migrate-runs {name}"
        case _:
            first = f"first give up its failed runs: dreamlit retire {name}"
    return f"{first}; then: {way}"

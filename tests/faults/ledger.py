"""Two ledgers from outside the database, and the account of one against the other.

The application notes what it committed, the receiving servers note what they accepted. The promise between them:
*every committed matching change is delivered at least once, and more than once only if shown as such*.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from tests.helpers import Connection, column, rows

KINDS = ("hold", "retry")
"""What the workflow of each kind of order does with an interrupted delivery."""

SHOWN = ("uncertain", "failed", "held")
"""States in which an undelivered message waits for a person, with its reason."""

_numbers = count(1)


class Ledger:
    """A file to which one side appends a line for each thing that happened to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.touch()
        self._lock = threading.Lock()

    def append(self, **entry: str) -> None:
        """Write one entry with its time; it is in the file when this returns."""
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**entry, "at": time.time()}) + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """All entries in their order."""
        return [json.loads(line) for line in self._path.read_text("utf-8").splitlines()]

    def count(self, **fields: str) -> int:
        """How many entries have these fields."""
        return sum(fields.items() <= entry.items() for entry in self.entries())


class Application:
    """Writes orders with tokens of its own, and notes of each transaction what its commit answered.

    A commit that was sent and never answered is in doubt: only the table can tell, after the fault.
    """

    def __init__(self, dsn: str, ledger: Ledger) -> None:
        self.dsn = dsn
        self.ledger = ledger
        self.connection: Connection | None = None

    def order(self, *kinds: str, commit: bool = True) -> list[str]:
        """One transaction with an order of each kind; returns the tokens. Raises psycopg.Error, noted too."""
        kinds = kinds or ("hold",)
        tokens = [f"t{next(_numbers)}-{secrets.token_hex(3)}" for _ in kinds]
        outcome = "rolled back"
        try:
            connection = self._connect()
            for token, kind in zip(tokens, kinds, strict=True):
                connection.execute("insert into public.orders values (%s, %s)", (token, kind))
            if commit:
                outcome = "in doubt"
                connection.commit()
                outcome = "committed"
            else:
                connection.rollback()
        except psycopg.Error as error:
            if error.sqlstate is not None and not self._is_lost():
                # The server answered: it has rolled back.
                outcome = "rolled back"
            self.close()
            raise
        finally:
            for token, kind in zip(tokens, kinds, strict=True):
                self.ledger.append(token=token, kind=kind, outcome=outcome)
        return tokens

    def tokens(self, outcome: str) -> set[str]:
        """The tokens of which this was noted: committed, rolled back or in doubt."""
        return {entry["token"] for entry in self.ledger.entries() if entry["outcome"] == outcome}

    def close(self) -> None:
        """End the session, if there is one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _connect(self) -> Connection:
        if self.connection is None:
            self.connection = psycopg.connect(self.dsn)
        return self.connection

    def _is_lost(self) -> bool:
        return self.connection is None or self.connection.broken


class Load:
    """Orders without an end, in a thread: up to `most` a transaction, some rolled back, through any fault."""

    def __init__(self, application: Application, *, per_second: float, most: int = 3) -> None:
        self._application = application
        self._most = most
        self._pause = 1 / per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.transactions = 0
        self.errors: Counter[str] = Counter()
        self.fault: BaseException | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        self._application.close()
        assert not self._thread.is_alive(), "the application hangs"
        if self.fault is not None:
            raise self.fault

    def _run(self) -> None:
        started = time.monotonic()
        try:
            for number in count(1):
                kinds = [KINDS[number % 2]] * (1 + number % self._most)
                try:
                    self._application.order(*kinds, commit=number % 7 != 0)
                except psycopg.Error as error:
                    self.errors[error.sqlstate or type(error).__name__] += 1
                self.transactions = number
                if self._stop.wait(max(0.001, started + number * self._pause - time.monotonic())):
                    return
        except BaseException as fault:  # noqa: BLE001 - raised where the load ends
            self.fault = fault


@dataclass(frozen=True)
class Facts:
    """What the engine shows of the messages, by token."""

    messages: Mapping[str, list[dict[str, Any]]]
    orders: frozenset[str]
    """The orders that stand in the application's table."""


@dataclass(frozen=True)
class Account:
    """The outcome of a scenario, in numbers, and every breach of the promise in words."""

    committed: int
    rolled_back: int
    in_doubt: int
    delivered: int
    doubled: int
    states: Mapping[str, int]
    breaches: list[str] = field(default_factory=list)


def read_facts(superuser: Connection) -> Facts:
    """Read views and the application's table."""
    messages: dict[str, list[dict[str, Any]]] = {}
    for row in rows(
        superuser,
        "select m.message_id, m.channel, m.state, m.error, m.recipient, m.content ->> 'text' as text,"
        " count(*) filter (where a.outcome = 'sent') as sent,"
        " count(*) filter (where a.outcome = 'unknown') as unknown"
        " from dreamlit.messages as m left join dreamlit.attempts as a on a.message_id = m.message_id"
        " group by m.message_id, m.channel, m.state, m.error, m.recipient, m.content ->> 'text'",
    ):
        token = row["text"] if row["channel"] == "slack" else row["recipient"].partition("@")[0]
        messages.setdefault(token, []).append(row)
    return Facts(messages, frozenset(column(superuser, "select token from public.orders")))


def balance(
    application: Iterable[Mapping[str, Any]], deliveries: Iterable[Mapping[str, Any]], facts: Facts
) -> Account:
    """Hold the ledgers against each other and against what the engine shows; everything must have settled."""
    outcomes: dict[str, set[str]] = {}
    for entry in application:
        outcomes.setdefault(entry["outcome"], set()).add(entry["token"])
    committed, rolled_back, in_doubt = (
        outcomes.get(name, set()) for name in ("committed", "rolled back", "in doubt")
    )
    arrived: dict[str, list[str]] = {}
    for entry in deliveries:
        arrived.setdefault(entry["token"], []).append(entry["key"])
    due = committed | (in_doubt & facts.orders)
    breaches = [
        f"{token} was committed and is gone from its table" for token in sorted(committed - facts.orders)
    ]
    breaches += [
        f"{token} was rolled back and stands in its table" for token in sorted(rolled_back & facts.orders)
    ]
    for token in sorted({*arrived, *facts.messages} - due):
        breaches.append(f"{token} was never committed and has a message or a delivery")
    for token in sorted(due):
        breaches += _breaches_of(token, facts.messages.get(token, []), arrived.get(token, []))
    return Account(
        committed=len(due),
        rolled_back=len(rolled_back),
        in_doubt=len(in_doubt),
        delivered=len(due & set(arrived)),
        doubled=sum(len(keys) > 1 for keys in arrived.values()),
        states=dict(Counter(message["state"] for token in due for message in facts.messages.get(token, []))),
        breaches=breaches,
    )


def _breaches_of(token: str, messages: list[dict[str, Any]], keys: list[str]) -> list[str]:
    if len(messages) != 1:
        return [f"{token} has {len(messages)} messages and {len(keys)} deliveries"]
    (message,) = messages
    state, sent, unknown = message["state"], message["sent"], message["unknown"]
    found = []
    if state not in ("sent", *SHOWN):
        found.append(f"{token} ended as {state}")
    if state == "sent" and not keys:
        found.append(f"{token} shows as sent and never arrived")
    if state in SHOWN and state != "held" and not message["error"]:
        found.append(f"{token} shows as {state} without a reason")
    if state == "failed" and keys and not unknown:
        found.append(f"{token} shows as failed and arrived")
    if len(keys) > sent + unknown:
        found.append(f"{token} arrived {len(keys)} times; attempts show {sent} sent and {unknown} unknown")
    if len(keys) > 1 and not unknown:
        found.append(f"{token} arrived {len(keys)} times and nothing shows it")
    if len(set(keys)) > 1:
        found.append(f"{token} arrived under several keys: {sorted(set(keys))}")
    return found


def close_quietly(connection: Connection) -> None:
    """Close a session whose server may be gone."""
    with suppress(psycopg.Error), closing(connection):
        pass

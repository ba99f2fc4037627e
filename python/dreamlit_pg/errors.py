"""The errors of dreamlit.

DreamlitError                 anything that dreamlit refuses or cannot do; catch this one
├── DefinitionError    DL001  a definition with faults, all of them at once in ``faults``
├── NotFound           DL002  no such workflow, run, message …
├── WrongState         DL003  it exists, but this cannot be done to it now
├── NotAllowed         DL004  the role may not do this (also PostgreSQL's own 42501)
├── NotInstalled       DL005  dreamlit is not installed in this database
│   └── VersionMismatch       it is, but in a version that does not fit this package
├── LoopError          DL006  a workflow would set itself off
├── LockTimeout        DL007  a lock was not to be had in time (also PostgreSQL's own 55P03)
└── DatabaseError             any other error of the database, with its SQLSTATE in ``code``
    └── ConnectionLost        the database cannot be reached, or the connection broke; trying again may help

Every error has a message (a fact with its value), a hint (an action, or None) and a code (an SQLSTATE, or
None).
"""

# Named for what is the case, as psycopg and httpx name theirs.
# ruff: noqa: N818

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


class DreamlitError(Exception):
    """Anything that dreamlit refuses or cannot do."""

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive pickling on their own; worker processes hand errors on.
        return _rebuilt, (type(self), self.message, self.__dict__.copy())


def _rebuilt(kind: type[DreamlitError], message: str, state: dict[str, Any]) -> DreamlitError:
    error = kind(message)
    error.__dict__.update(state)
    return error


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong in a definition: where, what, and what to do about it."""

    place: str
    fact: str
    hint: str | None = None


class DefinitionError(DreamlitError):
    """A definition that cannot be used."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = "DL001",
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.faults = tuple(faults)


class NotFound(DreamlitError):
    """No such workflow, run or message."""


class WrongState(DreamlitError):
    """It exists, but this cannot be done to it now."""


class NotAllowed(DreamlitError):
    """The role may not do this."""


class NotInstalled(DreamlitError):
    """Dreamlit is not installed in this database."""


class VersionMismatch(NotInstalled):
    """Dreamlit is installed in a version that does not fit this package."""


class LoopError(DreamlitError):
    """A workflow would set itself off."""


class LockTimeout(DreamlitError):
    """A lock was not to be had in time."""


class DatabaseError(DreamlitError):
    """Any other error of the database."""


class ConnectionLost(DatabaseError):
    """The database cannot be reached, or the connection broke."""


_BY_CODE: dict[str, type[DreamlitError]] = {
    "DL001": DefinitionError,
    "DL002": NotFound,
    "DL003": WrongState,
    "DL004": NotAllowed,
    "DL005": NotInstalled,
    "DL006": LoopError,
    "DL007": LockTimeout,
    "42501": NotAllowed,
    "55P03": LockTimeout,
    "3F000": NotInstalled,
}
_HINTS = {
    "42501": "grant the role dreamlit_admin, dreamlit_sender or dreamlit_reader, whichever it needs",
    "55P03": "another session holds the table: try again when it has finished",
    "3F000": "run: dreamlit install",
    "22003": "write a smaller number",
    "22P05": "take the NUL (\\u0000) out: PostgreSQL cannot keep it",
    "25006": "a standby takes no writes: name the primary, or all hosts and target_session_attrs=read-write",
    "57014": "it took longer than statement_timeout allows: let it do less, or raise the limit",
}
_ABOUT_THE_DSN = re.compile("connection info string|connection option|in URI|invalid URI|percent-encoded")
_CONNECTION_CODES = frozenset({"57P01", "57P02", "57P03", "57P05", "53300"})


def from_database(exc: psycopg.Error) -> DreamlitError:
    """The error of ours for an error of psycopg, told apart by SQLSTATE, with the original as its cause.

    Raise it in place of the original: ``raise from_database(exc) from exc``.
    """
    code = exc.sqlstate
    diagnosis = exc.diag
    message = diagnosis.message_primary or str(exc).strip() or type(exc).__name__
    hint = diagnosis.message_hint or _HINTS.get(code or "")
    error: DreamlitError
    if code is None and _ABOUT_THE_DSN.search(message):
        # libpq's own message may repeat the string, password and all.
        error = DreamlitError(
            "the DSN is no PostgreSQL connection string", hint="write postgresql://user@host/database"
        )
    elif code == "DL001":
        error = DefinitionError(message, hint=hint, faults=_faults(diagnosis.message_detail))
    elif code in _BY_CODE:
        error = _BY_CODE[code](message, hint=hint, code=code)
    elif _is_connection_error(exc, code):
        error = ConnectionLost(
            message, hint=hint or "check that the server is up and DREAMLIT_DSN is right", code=code
        )
    else:
        error = DatabaseError(message, hint=hint, code=code)
    error.__cause__ = exc
    return error


def _is_connection_error(exc: Exception, code: str | None) -> bool:
    if code is not None:
        return code[:2] in ("08", "28") or code in _CONNECTION_CODES
    # Without an SQLSTATE the error is the client's own; psycopg's classes follow the DB-API.
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(exc).__mro__)


def _faults(detail: str | None) -> list[Fault]:
    """The faults in the detail of a DL001: a JSON list. A detail that is none becomes one fault."""
    if not detail:
        return []
    try:
        listed = json.loads(detail)
    except ValueError:
        return [Fault(place="", fact=detail)]
    if not isinstance(listed, list):
        return [Fault(place="", fact=detail)]
    return [
        Fault(place=str(entry.get("place") or ""), fact=str(entry.get("fact") or ""), hint=entry.get("hint"))
        for entry in listed
        if isinstance(entry, dict)
    ]

"""Which databases a sender serves: one, or a fleet of them with names and weights."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
_ENTRY = re.compile(r"(?:([^\s=*:/@]+)(?:\*([^\s=:/@]+))?=)?(postgres(?:ql)?://\S+)")
_HEAVIEST = 1000


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """A database to serve. `weight` is its part of the wire.

    `name` is for logs and providers; None for one that is given by its connection string alone.
    """

    dsn: Secret
    name: str | None = None
    weight: int = 1

    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown: the whole string, and the password in it."""
        password = conninfo_to_dict(self.dsn.reveal()).get("password")
        return (self.dsn, Secret(str(password))) if password else (self.dsn,)


def read_dsn(variable: str, text: str) -> Secret:
    """Return a connection string. Raises DreamlitError, which does not repeat it."""
    try:
        conninfo_to_dict(text)
    except psycopg.Error:
        # libpq's own message would repeat the string, password and all.
        raise DreamlitError(f"{variable} is not a PostgreSQL connection string") from None
    return Secret(text)


def read_fleet(variable: str, value: Any) -> tuple[DatabaseConfig, ...]:
    """Read several databases: tables with dsn, name and weight, or words like `shop*3=postgresql://…`.

    Without a name a database has that of its connection string. Raises DreamlitError.
    """
    if isinstance(value, str):
        found = [_of_word(variable, place, word) for place, word in enumerate(value.split(), 1)]
    elif isinstance(value, list) and value:
        found = [_of_table(f"{variable}: entry {place}", one) for place, one in enumerate(value, 1)]
    else:
        raise DreamlitError(f"{variable} must be a list of tables with dsn, name and weight")
    names = Counter(one.name for one in found)
    for name, times in names.items():
        if times > 1:
            raise DreamlitError(
                f"{variable} has {times} databases of the name {name}", hint="Give each a name of its own."
            )
    return tuple(found)


def _of_word(variable: str, place: int, word: str) -> DatabaseConfig:
    match = _ENTRY.fullmatch(word)
    if match is None:
        raise DreamlitError(
            f"{variable}: entry {place} is no database",
            hint="Write shop=postgresql://… , with a weight shop*3=postgresql://… , divided by spaces.",
        )
    name, weight, dsn = match.groups()
    given = {"dsn": dsn, "name": name, "weight": weight}
    return _of_table(f"{variable}: entry {place}", {key: text for key, text in given.items() if text})


def _of_table(place: str, table: Any) -> DatabaseConfig:
    if not isinstance(table, dict) or not isinstance(table.get("dsn"), str):
        raise DreamlitError(f"{place} has no dsn")
    unknown = sorted(set(table) - {"dsn", "name", "weight"})
    if unknown:
        raise DreamlitError(f"{place} has an unknown key {unknown[0]!r}", hint="Known are dsn, name, weight.")
    dsn = read_dsn(f"{place}: dsn", table["dsn"])
    name = table.get("name", _name_in(conninfo_to_dict(dsn.reveal())))
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise DreamlitError(f"{place} needs a name of letters, digits, - and _")
    return DatabaseConfig(dsn, name, _weight(place, table.get("weight", 1)))


def _name_in(parts: Mapping[str, Any]) -> object:
    return parts.get("dbname") or parts.get("service")


def _weight(place: str, value: Any) -> int:
    text = str(value)
    weight = int(text) if text.isascii() and text.isdigit() and not isinstance(value, bool) else 0
    if not 1 <= weight <= _HEAVIEST:
        raise DreamlitError(f"{place}: weight must be a whole number from 1 to {_HEAVIEST}, not {value!r}")
    return weight

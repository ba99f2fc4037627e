"""Values that must never be printed, and a function that takes them out of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable


class Secret:
    """A string that shows itself only through `reveal`: repr, str, format and logs print stars."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


class Redactor:
    """Takes known secrets, and what a jsonb value cannot hold, out of a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Very short values would make every text unreadable and hide nothing.
        self._secrets = sorted({value for value in secrets if len(value) >= 4}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without secrets, NUL and lone surrogates."""
        for value in self._secrets:
            text = text.replace(value, "***")
        return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")

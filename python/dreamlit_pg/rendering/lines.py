"""Texts that PostgreSQL can keep and that a header can carry."""

from __future__ import annotations

import re

from .faults import RefusedError
from .limits import MAX_TEXT, LimitError

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_NAMES = {"\r": "a carriage return", "\n": "a line break", "\0": "a NUL"}
_OUTER = " \t\r\n"


def one_line(text: str, what: str) -> str:
    """The text without the space around it; raises RefusedError where a header could be split."""
    text = text.strip(_OUTER)
    found = _CONTROL.search(text)
    if found is not None:
        raise RefusedError("header", f"{what} contains {_NAMES.get(found.group(), 'a control character')}")
    return storable(text, what)


def storable(text: str, what: str) -> str:
    """The text: no NUL, no lone surrogates, not too many bytes."""
    if "\0" in text:
        raise RefusedError("template", f"{what} contains a NUL")
    check_size(text, what, MAX_TEXT)
    return str(text)


def check_size(text: str, what: str, limit: int) -> None:
    """Raise unless the text fits in so many bytes of UTF-8."""
    try:
        size = len(text) if text.isascii() else len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise RefusedError("template", f"{what} contains half a surrogate pair") from None
    if size > limit:
        raise LimitError(f"{what} has {size} bytes: the limit is {limit}")

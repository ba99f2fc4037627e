"""The values of expressions: weighed, printed, settled."""

from __future__ import annotations

import itertools
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from decimal import Decimal
from typing import Any

from jinja2 import Undefined
from markupsafe import Markup

from .limits import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, LimitError, check_count

SCALARS = frozenset({str, Markup, int, float, bool, type(None), Decimal})
_SEQUENCES = (list, tuple, KeysView, ValuesView, ItemsView)


def weigh(value: Any) -> int:
    """The characters in a value, walked in Python, so that C code never runs on a value that explodes.

    Comparing, hashing or printing nested values runs in C without looking at signals, may double at each
    level and, for hashes, has no guard against a stack overflow.
    """
    if type(value) in SCALARS:
        return len(value) if isinstance(value, str) else 0
    level, size, count, depth = [value], 0, 0, 0
    while level:
        below: list[Any] = []
        for member in level:
            if isinstance(member, str):
                size += len(member)
            elif depth and isinstance(member, Undefined):
                str(member)  # raises what is undefined: inside a list it would be printed as "Undefined"
            elif type(member) not in SCALARS:
                inner = _members(member)
                count += len(inner)
                if count <= MAX_ITEMS:
                    below.extend(inner)
        depth += 1
        if count > MAX_ITEMS or depth > MAX_DEPTH or size > 4 * MAX_TEXT:
            raise LimitError("a value is too large or nested too deeply to be printed or compared")
        level = below
    return size


def _members(value: Any) -> Any:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, _SEQUENCES):
        return value
    if isinstance(value, (range, Undefined)):
        return ()
    raise TypeError(f"a {kind(value)} is not a value")


def kind(value: Any) -> str:
    """What a template's author calls the type of a value."""
    name = type(value).__name__
    names = {"builtin_function_or_method": "method", "Markup": "str", "NoneType": "null"}
    return names.get(name, name)


def text(value: Any) -> str:
    """A value as text: null is empty, functions and the like are errors."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if type(value) is Decimal and value.is_finite() and abs(value.adjusted()) < 1000:
        return format(value, "f")  # as PostgreSQL writes it: 0.0000001, not 1E-7
    if type(value) in SCALARS or isinstance(value, Undefined):
        return str(value)
    if isinstance(value, Iterator):
        raise TypeError("a sequence cannot be printed as it is: add |list or |join")
    if callable(value):
        raise TypeError("a function cannot be printed: call it with ()")
    weigh(value)
    return str(value)


def settled(value: Any) -> Any:
    """An iterator as a list, anything else as it is; weighed."""
    if isinstance(value, Iterator):
        value = list(itertools.islice(value, MAX_ITEMS + 1))
        check_count(len(value))
    weigh(value)
    return value

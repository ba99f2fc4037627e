"""The attributes and methods of values that a template may use, within limits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from jinja2.filters import _GroupTuple
from jinja2.runtime import BlockReference, LoopContext, Macro
from jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter
from markupsafe import EscapeFormatter, Markup, escape

from .limits import MAX_WIDTH, METER, LimitError
from .operators import check_format
from .values import settled, text, weigh


def names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_TEXT = names(
    "capitalize casefold center count endswith expandtabs find format format_map index isalnum isalpha "
    "isascii isdecimal isdigit islower isnumeric isspace istitle isupper join ljust lower lstrip partition "
    "removeprefix removesuffix replace rjust rstrip split splitlines startswith strip swapcase title upper "
    "zfill"
)
_LOOP = names(
    "index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed"
)
ATTRIBUTES: dict[type, frozenset[str]] = {
    str: _TEXT,
    Markup: _TEXT | {"striptags", "unescape"},
    dict: names("get items keys values"),
    list: names("index count"),
    tuple: names("index count"),
    float: names("is_integer"),
    LoopContext: _LOOP,
    Macro: names("name arguments"),
    BlockReference: names("super"),
    _GroupTuple: names("grouper list"),
}
_LISTED = frozenset({"items", "keys", "values"})
_PADDING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})


def call_method(
    environment: SandboxedEnvironment, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The result of a method of a value."""
    owner, name = method.__self__, method.__name__
    if isinstance(owner, str):
        if name in ("format", "format_map"):
            values = (args, kwargs) if name == "format" else ((), *args)
            return _formatted(environment, owner, *values)
        special = _TEXT_CALLS.get(name)
        if special is not None:
            return METER.charged(special(owner, *args, **kwargs))
        return METER.charged(_called(method, name, args, kwargs))
    weigh(list(args))
    weigh(kwargs)
    if isinstance(owner, (list, tuple)):
        weigh(owner)
    answer = method(*args, **kwargs)
    return list(answer) if isinstance(owner, dict) and name in _LISTED else answer


def _called(method: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    for argument in itertools.chain(args, kwargs.values()):
        if isinstance(argument, str) and len(argument) > MAX_WIDTH:
            raise LimitError(f"an argument of .{name}() is limited to {MAX_WIDTH} characters")
        if name in _PADDING and isinstance(argument, int) and argument > MAX_WIDTH:
            raise LimitError(f".{name}() is limited to {MAX_WIDTH} characters")
    if name == "expandtabs":
        METER.charge(len(method.__self__) + method.__self__.count("\t") * MAX_WIDTH)
    return method(*args, **kwargs)


def joined(separator: str, values: Any) -> str:
    """The texts of the values, with the separator between them."""
    parts = [text(value) for value in settled(values)]
    METER.charge(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def replaced(owner: str, old: str, new: str, count: int = -1) -> str:
    METER.charge(len(owner) + owner.count(old) * max(len(new) - len(old), 0))
    return owner.replace(old, new, count)


_TEXT_CALLS: dict[str, Callable[..., str]] = {"join": joined, "replace": replaced}


class _Formatter(SandboxedFormatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        if re.search("[0-9]{4,}", format_spec):
            raise LimitError(f"a format's width is limited to {MAX_WIDTH - 1}")
        return super().format_field(value, format_spec)


class _MarkupFormatter(_Formatter, EscapeFormatter):
    pass


def _formatted(environment: SandboxedEnvironment, form: str, args: tuple[Any, ...], kwargs: Any) -> str:
    check_format(form, form.count("{"), [*args, *kwargs.values()])
    if isinstance(form, Markup):
        shown = _MarkupFormatter(environment, escape=escape).vformat(form, args, kwargs)
        return METER.charged(Markup(shown))  # noqa: S704 - its values are escaped
    return METER.charged(_Formatter(environment).vformat(form, args, kwargs))

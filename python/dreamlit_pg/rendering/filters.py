"""The filters and tests that a template may use, each within limits."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, cast

from jinja2 import Undefined
from jinja2.filters import FILTERS as BUILTIN
from jinja2.filters import do_indent, do_truncate, make_attrgetter
from jinja2.tests import TESTS as BUILTIN_TESTS
from jinja2.utils import htmlsafe_json_dumps, pass_context, pass_environment, pass_eval_context
from markupsafe import Markup, escape

from .amounts import money, number, percent, pluralise
from .limits import MAX_WIDTH, METER, LimitError
from .markdown import to_html
from .methods import joined, names, replaced
from .moments import shown_date, shown_datetime
from .operators import binary
from .operators import percent as formatted
from .values import kind, settled, text

Filter = Callable[..., Any]


def _guarded(function: Filter) -> Filter:
    """The filter, its arguments weighed before and its result charged after."""
    hidden = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        values = [*args[:hidden], *map(settled, args[hidden:])]
        return METER.charged(function(*values, **{key: settled(value) for key, value in kwargs.items()}))

    return guarded


def _capped(function: Filter, limit: int) -> Filter:
    """The filter, with its numbers (a width, a count, a precision) kept to a limit."""

    @functools.wraps(function)
    def capped(*args: Any, **kwargs: Any) -> Any:
        for argument in itertools.chain(args[1:], kwargs.values()):
            if isinstance(argument, (int, float)) and abs(argument) > limit:
                raise LimitError(f"a filter's number is limited to {limit}")
        return METER.charged(function(*args, **kwargs))

    return capped


def _on_text(function: Filter) -> Filter:
    """The filter on the text of its first argument: null is empty here too."""

    @functools.wraps(function)
    def on_text(value: Any, *args: Any, **kwargs: Any) -> Any:
        return METER.charged(function(text(value), *args, **kwargs))

    return on_text


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """SQL's null is a missing value too."""
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return default_value
    return value


@pass_eval_context
def _join(eval_ctx: Any, value: Any, d: Any = "", attribute: Any = None) -> str:
    members = settled(value)
    if attribute is not None:
        members = map(make_attrgetter(eval_ctx.environment, attribute), members)
    parts, separator = [text(member) for member in members], text(d)
    if eval_ctx.autoescape and any(isinstance(part, Markup) for part in (separator, *parts)):
        return METER.charged(joined(escape(separator), map(escape, parts)))
    return joined(str(separator), parts)


@pass_eval_context
def _replace(eval_ctx: Any, s: Any, old: Any, new: Any, count: int | None = None) -> str:
    value, old, new = text(s), text(old), text(new)
    if eval_ctx.autoescape and isinstance(value, Markup):
        old, new = escape(old), escape(new)
    return replaced(value, old, new, -1 if count is None else count)


@pass_environment
def _sum(environment: Any, iterable: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if attribute is not None:
        iterable = map(make_attrgetter(environment, attribute), iterable)
    return functools.reduce(functools.partial(binary, "+"), iterable, start)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if method == "common":
        return round(value, precision)
    if method not in ("ceil", "floor"):
        raise TypeError("|round takes common, ceil or floor")
    scale = 10**precision
    rounded = getattr(math, method)(value * scale)
    return Decimal(rounded) / scale if isinstance(value, Decimal) else rounded / scale


def _indent(value: str, width: Any = 4, first: bool = False, blank: bool = False) -> Any:
    padding = width if isinstance(width, str) else " " * width
    if len(padding) > MAX_WIDTH:
        raise LimitError(f"|indent is limited to {MAX_WIDTH} characters")
    METER.charge(len(value) + (value.count("\n") + 1) * len(padding))
    return do_indent(value, padding, first, blank)


def _format(value: Any, *args: Any, **kwargs: Any) -> Any:
    if args and kwargs:
        raise TypeError("|format takes positions or names, not both")
    return formatted(text(value), kwargs or args)


@pass_environment
def _truncate(environment: Any, value: Any, *args: Any, **kwargs: Any) -> str:
    return do_truncate(environment, text(value), *args, **kwargs)


def _spoken(function: Filter) -> Filter:
    """A filter whose answer depends on the message's language and zone; null is empty."""

    @pass_context
    @functools.wraps(function)
    def spoken(_context: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        # Told the context, Jinja2 does not work it out while it compiles, for whatever language comes next.
        given = settled(value)
        if isinstance(given, Undefined):
            str(given)  # raises what is undefined
        if given is None:
            return ""
        values = map(settled, args)
        return METER.charged(function(given, *values, **{key: settled(each) for key, each in kwargs.items()}))

    return spoken


@pass_context
def _markdown(context: Any, value: Any) -> str:
    """HTML in HTML. Elsewhere Markdown is text that reads well as it is."""
    shown = text(value)
    return METER.charged(to_html(shown) if context.environment.template_kind == "html" else shown)


def _to_json(value: Any, indent: int | None = None) -> Markup:
    return htmlsafe_json_dumps(value, indent=indent, sort_keys=True, default=_json_default)


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"a {kind(value)} has no JSON form")


# These look at members one by one, in Python; what they call is guarded itself.
_PLAIN = names("abs count first last length map reject rejectattr select selectattr filesizeformat")
_GUARDED = names("dictsort groupby max min reverse sort unique list int float urlencode wordcount items")
_ON_TEXT = names("capitalize lower upper title trim striptags e escape forceescape")
_COMPARING = names("!= < <= == > >= eq equalto ge greaterthan gt in le lessthan lt ne")

FILTERS: dict[str, Filter] = {
    **{name: BUILTIN[name] for name in _PLAIN},
    **{name: _guarded(BUILTIN[name]) for name in _GUARDED},
    **{name: _on_text(BUILTIN[name]) for name in _ON_TEXT},
    "safe": _on_text(Markup),
    "string": text,
    "batch": _capped(_guarded(BUILTIN["batch"]), MAX_WIDTH),
    "slice": _capped(_guarded(BUILTIN["slice"]), MAX_WIDTH),
    "center": _capped(_on_text(BUILTIN["center"]), MAX_WIDTH),
    "indent": _capped(_on_text(_indent), MAX_WIDTH),
    "round": _capped(_round, 30),
    "tojson": _capped(_guarded(_to_json), 16),
    "format": _guarded(_format),
    "default": _default,
    "d": _default,
    "join": _join,
    "replace": _replace,
    "sum": _sum,
    "truncate": _guarded(_truncate),
    "money": _spoken(money),
    "number": _spoken(number),
    "percent": _spoken(percent),
    "pluralise": _spoken(pluralise),
    "date": _spoken(shown_date),
    "datetime": _spoken(shown_datetime),
    "markdown": _markdown,
}
TESTS: dict[str, Filter] = {
    name: _guarded(cast(Filter, function)) if name in _COMPARING else cast(Filter, function)
    for name, function in BUILTIN_TESTS.items()
    if name not in ("callable", "filter", "test")
}

"""Templates in, texts and per-item errors out.

This one file renders in two places with the same bytes: in the sender, and inside PostgreSQL, where
plpython3u executes its source. So it imports the standard library, Jinja2 and MarkupSafe and nothing else,
and it keeps no state but a cache.

The public functions:

``render_batch``  one result per context, in order; a bad context never fails its neighbours
``references``    every variable that the templates read, and what is wrong with the templates
``linked_files``  the template files that one source names
"""

# Jinja2 gives the names of its visitors and hooks, and one private type; whatever a template raises becomes
# data.
# ruff: noqa: A002, ARG002, BLE001, C901, N802, N818, PLR0911, S704, SIM905, SLF001

from __future__ import annotations

import difflib
import functools
import hashlib
import itertools
import json
import math
import operator
import re
import signal
import threading
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from decimal import Decimal
from typing import Any, cast

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2 import filters as jinja_filters
from jinja2 import tests as jinja_tests
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError
from jinja2.loaders import DictLoader
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace, pass_eval_context
from markupsafe import EscapeFormatter, Markup, escape

ITEM_SECONDS = 1.0  # CPU time for one item
COMPILE_SECONDS = 5.0  # CPU time for compiling all templates of a step
MAX_TEXT = 1 << 20  # characters of any one string, bytes of any one field
MAX_SUBJECT = 998  # bytes, RFC 5322
MAX_ITEMS = 100_000  # members of any one list, steps of any one range
MAX_DEPTH = 50  # nesting of a value that is printed or compared
MAX_PRODUCED = 32 << 20  # characters that the expressions of one item may produce in all
MAX_DIGITS = 4096  # bits of an integer
MAX_WIDTH = 1000  # padding and precision
MAX_SOURCE = 1 << 20  # characters of one template
CACHED_BUNDLES = 128

_TICK = 0.05
_SCALARS = frozenset({str, Markup, int, float, bool, type(None), Decimal})
_SEQUENCES = (list, tuple, KeysView, ValuesView, ItemsView)
_LOCK = threading.RLock()


class _LimitReached(TemplateRuntimeError):
    """A template asked for more than it may have."""


class _Deadline(BaseException):
    """Time is up. Not an Exception, so that no handler in between can swallow it."""


class _Refused(Exception):
    """A field whose text cannot be sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- time -------------------------------------------------------------------------------------------------


class _Watch:
    """Stops an item that uses too much CPU time, at no cost for the others.

    A timer ticks every 50 ms of CPU time for the whole batch; only its handler looks whether the item is
    still the one of the ticks before. It ticks on, so an exception lost in a destructor is raised again.
    """

    def __init__(self) -> None:
        self.item = 0
        self.allowed = round(ITEM_SECONDS / _TICK)
        self._seen = -1
        self._ticks = 0
        self._active = False
        self._previous: Any = None
        self._timer: tuple[float, float] | None = None

    def __enter__(self) -> _Watch:
        if threading.current_thread() is not threading.main_thread():
            return self  # signals reach the main thread only; elsewhere the size limits alone apply
        try:
            self._previous = signal.signal(signal.SIGVTALRM, self._on_tick)
        except (ValueError, AttributeError):
            return self
        self._active = True
        self._timer = signal.setitimer(signal.ITIMER_VIRTUAL, _TICK, _TICK)
        return self

    def __exit__(self, *_: object) -> None:
        self._active = False
        if self._timer is None:
            return
        signal.setitimer(signal.ITIMER_VIRTUAL, *self._timer)
        self._timer = None
        # With other threads about, a last tick may still be under way: the default action would end the
        # process.
        default_is_unsafe = self._previous == signal.SIG_DFL and threading.active_count() > 1
        if self._previous is not None and not default_is_unsafe:
            signal.signal(signal.SIGVTALRM, self._previous)

    def next_item(self) -> None:
        self.item += 1

    def punish(self) -> None:
        """Halve what later items get, so that a template that never ends cannot hold a batch for long."""
        self.allowed = max(self.allowed // 2, 2)

    def _on_tick(self, *_: object) -> None:
        if not self._active:
            return
        if self.item != self._seen:
            self._seen, self._ticks = self.item, 0
            return
        self._ticks += 1
        if self._ticks >= self.allowed:
            # Once more after a second, should this one get lost; not sooner, as freeing what the item held
            # takes time.
            self._ticks = self.allowed - round(1 / _TICK)
            raise _Deadline


# --- size -------------------------------------------------------------------------------------------------


class _Meter:
    """Counts the characters that expressions produce for one item; batches are locked, so one is enough."""

    produced = 0


def _spend(size: int) -> None:
    _Meter.produced += size
    if _Meter.produced > MAX_PRODUCED:
        raise _LimitReached(f"the template produces more than {MAX_PRODUCED} characters in its expressions")


def _charge(size: int) -> None:
    if size > MAX_TEXT:
        raise _LimitReached(f"a text of {size} characters is too large: the limit is {MAX_TEXT}")
    _spend(size)


def _charged(value: Any) -> Any:
    if isinstance(value, str):
        _charge(len(value))
    elif isinstance(value, (list, tuple)):
        _check_count(len(value))
        _spend(50 * len(value))
    return value


def _check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise _LimitReached(f"a list of {count} is too long: the limit is {MAX_ITEMS}")


def _weigh(value: Any) -> int:
    """The characters in a value, walked in Python, so that C code never runs on a value that explodes.

    Comparing, hashing or printing nested values runs in C without looking at signals, may double at each
    level and, for hashes, has no guard against a stack overflow.
    """
    if type(value) in _SCALARS:
        return len(value) if isinstance(value, str) else 0
    level, size, count, depth = [value], 0, 0, 0
    while level:
        below: list[Any] = []
        for member in level:
            if isinstance(member, str):
                size += len(member)
            elif isinstance(member, Undefined):
                if depth:
                    str(member)  # raises what is undefined: inside a list it would be printed as "Undefined"
            elif isinstance(member, dict):
                count += 2 * len(member)
                if count <= MAX_ITEMS:
                    below.extend(member.keys())
                    below.extend(member.values())
            elif isinstance(member, _SEQUENCES):
                count += len(member)
                if count <= MAX_ITEMS:
                    below.extend(member)
            elif type(member) not in _SCALARS and not isinstance(member, range):
                raise TypeError(f"a {_kind(member)} is not a value")
        depth += 1
        if count > MAX_ITEMS or depth > MAX_DEPTH or size > 4 * MAX_TEXT:
            raise _LimitReached("a value is too large or nested too deeply to be printed or compared")
        level = below
    return size


def _kind(value: Any) -> str:
    kind = type(value).__name__
    names = {"builtin_function_or_method": "method", "Markup": "str", "NoneType": "null"}
    return names.get(kind, kind)


def _text(value: Any) -> str:
    """A value as text: null is empty, functions and the like are errors."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if type(value) in _SCALARS or isinstance(value, Undefined):
        return str(value)
    if isinstance(value, BlockReference):
        return str(value())
    if hasattr(value, "__html__") and not isinstance(value, (dict, list)):
        return str(value.__html__())
    if isinstance(value, Iterator):
        raise TypeError("a sequence cannot be printed as it is: add |list or |join")
    if callable(value):
        raise TypeError("a function cannot be printed: call it with ()")
    _weigh(value)
    return str(value)


def _settled(value: Any) -> Any:
    """An iterator as a list, anything else as it is; weighed."""
    if isinstance(value, Iterator):
        value = list(itertools.islice(value, MAX_ITEMS + 1))
        _check_count(len(value))
    _weigh(value)
    return value


# --- operators --------------------------------------------------------------------------------------------


def _bits(value: int) -> int:
    return max(value.bit_length(), 1)


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        _charge(len(left) + len(right))
    elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        _check_count(len(left) + len(right))
        _spend(8 * (len(left) + len(right)))
    return operator.add(left, right)


def _multiply(left: Any, right: Any) -> Any:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(sequence, str):
            _charge(len(sequence) * max(times, 0))
        elif isinstance(times, int) and isinstance(sequence, (list, tuple)):
            _check_count(len(sequence) * max(times, 0))
            _spend(8 * len(sequence) * max(times, 0))
    if isinstance(left, int) and isinstance(right, int) and _bits(left) + _bits(right) > MAX_DIGITS:
        raise _LimitReached("a number is too large")
    return operator.mul(left, right)


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and _bits(left) * abs(right) > MAX_DIGITS:
        raise _LimitReached("a number is too large")
    return operator.pow(left, right)


_WIDE = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(?:\*|[0-9]{4,}|[0-9]*\.(?:\*|[0-9]{4,}))|%\([^)]*\(")


def _check_format(form: str, markers: int, values: Any) -> None:
    if len(form) + markers * (MAX_WIDTH + _weigh(values)) > 16 * MAX_TEXT:
        raise _LimitReached("a format gives too large a text")


def _percent(left: Any, right: Any) -> Any:
    if not isinstance(left, str):
        return operator.mod(left, right)
    if _WIDE.search(left):
        raise _LimitReached(f"a format's width is limited to {MAX_WIDTH - 1} and stands in the format")
    _check_format(left, left.count("%"), right)
    return _charged(operator.mod(left, right))


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": operator.sub,
    "*": _multiply,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": _percent,
    "**": _power,
}

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


def _paired(left: Any, right: Any) -> tuple[Any, Any]:
    """A decimal meets a float as a decimal: a price times 1.2 should just work."""
    if isinstance(left, Decimal) and isinstance(right, float):
        return left, Decimal(repr(right))
    if isinstance(right, Decimal) and isinstance(left, float):
        return Decimal(repr(left)), right
    return left, right


class _Formatter(SandboxedFormatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        if re.search("[0-9]{4,}", format_spec):
            raise _LimitReached(f"a format's width is limited to {MAX_WIDTH - 1}")
        return super().format_field(value, format_spec)


class _MarkupFormatter(_Formatter, EscapeFormatter):
    pass


# --- what a template may reach ----------------------------------------------------------------------------

_TEXT_METHODS = frozenset(
    "capitalize casefold center count endswith expandtabs find format format_map index isalnum isalpha "
    "isascii isdecimal isdigit islower isnumeric isspace istitle isupper join ljust lower lstrip partition "
    "removeprefix removesuffix replace rjust rstrip split splitlines startswith strip swapcase title upper "
    "zfill".split()
)
_MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
_LOOP = "index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed"
_ATTRIBUTES: dict[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    Markup: _TEXT_METHODS | {"striptags", "unescape"},
    dict: _MAPPING_METHODS,
    list: frozenset({"index", "count"}),
    tuple: frozenset({"index", "count"}),
    float: frozenset({"is_integer"}),
    LoopContext: frozenset(_LOOP.split()),
    Macro: frozenset({"name", "arguments"}),
    BlockReference: frozenset({"super"}),
    jinja_filters._GroupTuple: frozenset({"grouper", "list"}),
}
_PADDING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})


def _range(*bounds: int) -> range:
    steps = range(*bounds)
    try:
        count = len(steps)
    except OverflowError:
        count = MAX_ITEMS + 1
    if count > MAX_ITEMS:
        raise _LimitReached(f"a range is limited to {MAX_ITEMS} steps")
    return steps


def _dict(pairs: Any = (), /, **members: Any) -> dict[Any, Any]:
    return dict(_settled(pairs), **members)


_GLOBALS: dict[str, Any] = {"range": _range, "dict": _dict, "namespace": Namespace}


def _call_text_method(method: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    owner: str = method.__self__
    if name == "join":
        parts = [_text(part) for part in _settled(args[0])]
        _charge(sum(map(len, parts)) + len(owner) * len(parts))
        return method(parts)
    if name == "replace":
        old, new = args[0], args[1]
        _charge(len(owner) + owner.count(old) * max(len(new) - len(old), 0))
        return _charged(method(old, new, *args[2:]))
    for argument in itertools.chain(args, kwargs.values()):
        _weigh(argument)
        if isinstance(argument, str) and len(argument) > MAX_WIDTH:
            raise _LimitReached(f"an argument of .{name}() is limited to {MAX_WIDTH} characters")
        if name in _PADDING and isinstance(argument, int) and argument > MAX_WIDTH:
            raise _LimitReached(f".{name}() is limited to {MAX_WIDTH} characters")
    if name == "expandtabs":
        _charge(len(owner) + owner.count("\t") * MAX_WIDTH)
    return _charged(method(*args, **kwargs))


class _Generator(CodeGenerator):
    """Compiles what the sandbox does not intercept into calls that keep limits and name what is missing."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        # Jinja2 escapes a constant before it finalizes it, which prints null as None: leave it to run time.
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.join_parts((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("), context.eval_ctx.autoescape)")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        self.write("environment.compare(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", {operand.op!r}, ")
            self.visit(operand.expr, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        self.write("environment.mapping((")
        for pair in node.items:
            self.write("(")
            self.visit(pair.key, frame)
            self.write(", ")
            self.visit(pair.value, frame)
            self.write("), ")
        self.write("))")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        self.write("environment.getattr(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r}, {_dotted(node)!r})")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        is_slice = isinstance(node.arg, nodes.Slice)
        self.write("environment.getitem(")
        self.visit(node.node, frame)
        self.write(", slice(" if is_slice else ", ")
        if isinstance(node.arg, nodes.Slice):
            for bound in (node.arg.start, node.arg.stop, node.arg.step):
                if bound is None:
                    self.write("None, ")
                else:
                    self.visit(bound, frame)
                    self.write(", ")
            self.write("), None)")
        else:
            self.visit(node.arg, frame)
            self.write(f", {_dotted(node)!r})")


def _chain(node: nodes.Node) -> list[Any] | None:
    """``trigger.address['city']`` as ["trigger", "address", "city"]; None if it starts at no name."""
    path: list[Any] = []
    while True:
        if isinstance(node, nodes.Getattr):
            path.append(node.attr)
            node = node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            if type(node.arg.value) not in (str, int):
                return None
            path.append(node.arg.value)
            node = node.node
        elif isinstance(node, nodes.Name):
            path.append(node.name)
            return path[::-1]
        else:
            return None


def _dotted(node: nodes.Node) -> str | None:
    path = _chain(node)
    if path is None:
        return None
    return str(path[0]) + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path[1:])


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox. What a template may reach is listed, never what it may not."""

    code_generator_class = _Generator
    intercepted_binops = frozenset(_BINARY)

    def __init__(self, kind: str, files: Mapping[str, str]) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=functools.partial(_escapes, kind),
            loader=DictLoader(files),
            finalize=_FINALIZERS.get(kind, _finalize),
            cache_size=400,
            auto_reload=False,
        )
        self.globals = dict(_GLOBALS)
        self.filters = _FILTERS
        self.tests = _TESTS

    concat = staticmethod(lambda parts: _join_chunks(parts, MAX_TEXT))

    def _load_template(self, name: Any, globals: Any) -> Template:
        if type(name) not in (str, Markup):
            raise TemplateRuntimeError("the name of a template must be text")
        return super()._load_template(str(name), globals)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return _BINARY[operator](*_paired(left, right))

    def join_parts(self, parts: Sequence[Any], autoescape: bool) -> str:
        texts = [_text(part) for part in parts]
        _charge(sum(map(len, texts)))
        if autoescape and any(isinstance(text, Markup) for text in texts):
            return _charged(Markup("").join(texts))  # type: ignore[no-any-return]
        return "".join(texts)

    def compare(self, first: Any, *rest: Any) -> bool:
        left = first
        for index in range(0, len(rest), 2):
            name, right = rest[index], rest[index + 1]
            if type(left) not in _SCALARS:
                left = _settled(left)
            if type(right) not in _SCALARS:
                right = _settled(right)
            if not _COMPARISONS[name](left, right):
                return False
            left = right
        return True

    def mapping(self, pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        found = {}
        for key, value in pairs:
            _weigh(key)
            found[key] = value
        return found

    def getattr(self, obj: Any, attribute: str, path: str | None = None) -> Any:
        kind = type(obj)
        if kind is dict:
            # A column may be called "items" or "values": the data comes before the method.
            try:
                return obj[attribute]
            except KeyError:
                pass
        allowed = _ATTRIBUTES.get(kind)
        if allowed is not None and attribute in allowed:
            value = getattr(obj, attribute)
            if attribute in ("format", "format_map"):
                return self._formatting(obj, attribute)
            if attribute == "items":
                return lambda: [list(pair) for pair in obj.items()]
            return value
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)
        return self._inner_attribute(obj, attribute, path)

    def _inner_attribute(self, obj: Any, attribute: str, path: str | None) -> Any:
        """An attribute of what templates make themselves: namespaces, imported files, blocks."""
        if not attribute.startswith("_"):
            try:
                if type(obj) is Namespace:
                    return getattr(obj, attribute)
                if _is_exporting(obj):
                    exported = obj.__dict__
                    return exported[attribute] if attribute in exported else obj[attribute]
            except (AttributeError, LookupError, TypeError):
                pass
        return self._missing(obj, attribute, path)

    def getitem(self, obj: Any, argument: Any, path: str | None = None) -> Any:
        if type(argument) is slice:
            return (
                _charged(obj[argument])
                if isinstance(obj, (str, list, tuple, range))
                else self._missing(obj, "[:]", path)
            )
        if isinstance(obj, (dict, list, tuple, str, range)):
            _weigh(argument)
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(argument, str):
            return self.getattr(obj, str(argument), path)
        return self._missing(obj, _text(argument), path)

    def _missing(self, obj: Any, name: str, path: str | None) -> Undefined:
        if obj is None:
            base = path.rpartition(".")[0] if path else ""
            hint = f"{base!r} is null and has no {name!r}" if base else f"null has no {name!r}"
        elif type(obj) in (dict, list, tuple, Namespace) or _is_exporting(obj):
            hint = f"{path or name!r} is undefined"
        else:
            hint = f"access to {path or name!r}: a {_kind(obj)} has no usable {name!r}"
            return self.undefined(
                hint, obj=obj, name=name, exc=SecurityError if name.startswith("_") else UndefinedError
            )
        return self.undefined(hint, obj=obj, name=name)

    def _formatting(self, form: str, method: str) -> Callable[..., str]:
        kind = type(form)
        formatter = _MarkupFormatter(self, escape=escape) if kind is Markup else _Formatter(self)

        def formatted(*args: Any, **kwargs: Any) -> str:
            if method == "format_map":
                kwargs, args = args[0], ()
            values = [*args, *kwargs.values()]
            _check_format(form, form.count("{"), values)
            return _charged(kind(formatter.vformat(form, args, kwargs)))  # type: ignore[no-any-return]

        return formatted

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        owner = getattr(__obj, "__self__", None)
        if isinstance(__obj, (Macro, LoopContext, BlockReference, Undefined)) or owner is None:
            return __context.call(__obj, *args, **kwargs)
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        if isinstance(owner, str):
            return _call_text_method(__obj, __obj.__name__, args, kwargs)
        for argument in itertools.chain(args, kwargs.values()):
            _weigh(argument)
        if isinstance(owner, (list, tuple)):
            _weigh(owner)
        if not isinstance(owner, (list, tuple, dict, LoopContext, float)):
            raise SecurityError(f"a {_kind(__obj)} cannot be called")
        return __obj(*args, **kwargs)


def _is_exporting(obj: Any) -> bool:
    return type(obj).__name__ in ("TemplateModule", "TemplateReference") and type(obj).__module__.startswith(
        "jinja2."
    )


def _escapes(kind: str, name: str | None) -> bool:
    if kind == "slack":
        return True  # macros and blocks come back as markup; the finalizer has done Slack's own escaping
    return name is not None and (name == "<html>" or name.lower().endswith((".html", ".htm")))


def _finalize(value: Any) -> Any:
    if type(value) in (str, Markup):
        return value
    return Markup(_text(value)) if hasattr(value, "__html__") else _text(value)


def _finalize_slack(value: Any) -> Markup:
    if type(value) is Markup:
        return value
    text = _text(value)
    if not isinstance(text, Markup) and not hasattr(value, "__html__"):
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(text)


# In an address field the characters that shape an address list count only where the author wrote them.
# Those of the data travel as private-use characters until the list has been taken apart.
_SHAPING = ',;<>"\\()[]:\r\n'
_VEILED = {ord(character): 0xF8E0 + index for index, character in enumerate(_SHAPING)}
_UNVEILED = {veiled: character for character, veiled in zip(_SHAPING, _VEILED.values(), strict=True)}
_HAS_SHAPING = re.compile(r'[,;<>"\\()\[\]:\r\n]')


def _finalize_address(value: Any) -> str:
    text = _text(value)
    return str(text).translate(_VEILED) if _HAS_SHAPING.search(text) else text


_FINALIZERS: dict[str, Callable[[Any], Any]] = {"slack": _finalize_slack, "address": _finalize_address}


# --- filters and tests ------------------------------------------------------------------------------------


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, its arguments weighed before and its result charged after."""
    hidden = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        values = [*args[:hidden], *(_settled(argument) for argument in args[hidden:])]
        return _charged(function(*values, **{key: _settled(value) for key, value in kwargs.items()}))

    return guarded


def _capped(function: Callable[..., Any], limit: int) -> Callable[..., Any]:
    """The filter, with its numbers (a width, a count, a precision) kept to a limit."""

    @functools.wraps(function)
    def capped(*args: Any, **kwargs: Any) -> Any:
        for argument in itertools.chain(args[1:], kwargs.values()):
            if isinstance(argument, (int, float)) and abs(argument) > limit:
                raise _LimitReached(f"a filter's number is limited to {limit}")
        return _charged(function(*args, **kwargs))

    return capped


def _on_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter on the text of its first argument: null is empty here too."""

    @functools.wraps(function)
    def on_text(value: Any, *args: Any, **kwargs: Any) -> Any:
        return _charged(function(_text(value), *args, **kwargs))

    return on_text


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """SQL's null is a missing value too."""
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return default_value
    return value


@pass_eval_context
def _join(eval_ctx: Any, value: Any, d: Any = "", attribute: Any = None) -> str:
    members = _settled(value)
    if attribute is not None:
        members = map(jinja_filters.make_attrgetter(eval_ctx.environment, attribute), members)
    parts = [_text(member) for member in members]
    separator = _text(d)
    _charge(sum(map(len, parts)) + len(separator) * len(parts))
    if eval_ctx.autoescape and any(isinstance(part, Markup) for part in (separator, *parts)):
        return _charged(escape(separator).join(parts))  # type: ignore[no-any-return]
    return str(separator).join(parts)


@pass_eval_context
def _replace(eval_ctx: Any, s: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = _text(s), _text(old), _text(new)
    if eval_ctx.autoescape and isinstance(text, Markup):
        old, new = escape(old), escape(new)
    _charge(len(text) + text.count(old) * max(len(new) - len(old), 0))
    return text.replace(old, new, -1 if count is None else count)


def _sum(environment: Any, iterable: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if attribute is not None:
        iterable = map(jinja_filters.make_attrgetter(environment, attribute), iterable)
    total = start
    for member in iterable:
        total = _add(*_paired(total, member))
    return total


_sum.jinja_pass_arg = jinja_filters.do_attr.jinja_pass_arg  # type: ignore[attr-defined]


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if isinstance(value, Decimal) and method == "common":
        return round(value, precision)
    if method not in ("common", "ceil", "floor"):
        raise TypeError("|round takes common, ceil or floor")
    if method == "common":
        return round(value, precision)
    scale = 10**precision
    rounded = getattr(math, method)(value * scale)
    return Decimal(rounded) / scale if isinstance(value, Decimal) else rounded / scale


def _indent(value: str, width: Any = 4, first: bool = False, blank: bool = False) -> Any:
    padding = width if isinstance(width, str) else " " * width
    if len(padding) > MAX_WIDTH:
        raise _LimitReached(f"|indent is limited to {MAX_WIDTH} characters")
    _charge(len(value) + (value.count("\n") + 1) * len(padding))
    return jinja_filters.do_indent(value, padding, first, blank)


def _format(value: Any, *args: Any, **kwargs: Any) -> Any:
    if args and kwargs:
        raise TypeError("|format takes positions or names, not both")
    return _percent(value if isinstance(value, Markup) else _text(value), kwargs or args)


def _to_json(value: Any, indent: int | None = None) -> Markup:
    return Markup(
        json.dumps(value, indent=indent, sort_keys=True, default=_json_default)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("'", "\\u0027")
    )


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"a {_kind(value)} has no JSON form")


def _filter_table() -> dict[str, Callable[..., Any]]:
    builtin = jinja_filters.FILTERS
    table: dict[str, Callable[..., Any]] = {}
    # map and its like look at members one by one, in Python; what they call is guarded itself.
    plain = "abs count first last length map reject rejectattr select selectattr filesizeformat"
    for name in plain.split():
        table[name] = builtin[name]
    for (
        name
    ) in "dictsort groupby max min reverse sort unique list int float urlencode wordcount items".split():
        table[name] = _guarded(builtin[name])
    for name in "capitalize lower upper title trim striptags e escape forceescape".split():
        table[name] = _on_text(builtin[name])
    table["truncate"] = _guarded(builtin["truncate"])
    table["safe"] = _on_text(Markup)
    table["string"] = _on_text(lambda value: value)
    for name in ("batch", "slice"):
        table[name] = _capped(_guarded(builtin[name]), MAX_WIDTH)
    table["center"] = _capped(_on_text(builtin["center"]), MAX_WIDTH)
    table["indent"] = _capped(_on_text(_indent), MAX_WIDTH)
    table["round"] = _capped(_round, 30)
    table["tojson"] = _capped(_guarded(_to_json), 16)
    table["format"] = _guarded(_format)
    table.update(default=_default, d=_default, join=_join, replace=_replace, sum=_sum)
    return table


_FILTERS: Any = _filter_table()
_COMPARING = frozenset("!= < <= == > >= eq equalto ge greaterthan gt in le lessthan lt ne".split())
_TESTS: Any = {
    name: _guarded(cast(Any, function)) if name in _COMPARING else function
    for name, function in jinja_tests.TESTS.items()
    if name not in ("callable", "filter", "test")
}


# --- fields -----------------------------------------------------------------------------------------------


def _join_chunks(chunks: Iterable[str], limit: int) -> str:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _LimitReached(f"the text is larger than {limit} characters")
        parts.append(chunk)
    _spend(size)
    return "".join(parts)


class _Field:
    """One template of a message, compiled; a constant where there is nothing to evaluate."""

    __slots__ = ("blocks", "constant", "environment", "name", "root", "template_name")

    def __init__(self, environment: _Environment, name: str, template: Template | str) -> None:
        self.name = name
        self.environment = environment
        if isinstance(template, str):
            self.constant: str | None = template
            self.template_name: str | None = None
        else:
            self.constant = None
            self.template_name = template.name
            self.root = template.root_render_func
            self.blocks = template.blocks

    def text(self, variables: dict[str, Any]) -> str:
        if self.constant is not None:
            return self.constant
        context = Context(self.environment, variables, self.template_name, self.blocks)
        return _join_chunks(self.root(context), MAX_TEXT)


class _Fault(Exception):
    """An error of one field, as it goes into the result."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


def _fault(field: str, code: str, message: str, file: str | None = None, line: int | None = None) -> _Fault:
    message = message.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:500]
    shown = None if file is None or file.startswith("<") else file
    return _Fault({"code": code, "message": message, "field": field, "file": shown, "line": line})


def _fault_of(field: str, exc: Exception) -> _Fault:
    if isinstance(exc, _Fault):
        return exc
    file, line = _position(exc)
    if isinstance(exc, _Refused):
        return _fault(field, exc.code, str(exc))
    if isinstance(exc, TemplateSyntaxError):
        return _fault(field, "template", exc.message or "syntax error", exc.name, exc.lineno)
    if isinstance(exc, TemplateNotFound):
        return _fault(field, "template", f"there is no template file {exc.name!r}", file, line)
    if isinstance(exc, RecursionError) or (isinstance(exc, SyntaxError) and "nested" in str(exc)):
        return _fault(field, "limit", "the template nests too deeply", file, line)
    if isinstance(exc, (_LimitReached, MemoryError)):
        return _fault(field, "limit", str(exc) or "the template needs too much memory", file, line)
    return _fault(field, "template", str(exc) or type(exc).__name__, file, line)


def _position(exc: Exception) -> tuple[str | None, int | None]:
    """Template and line of the innermost frame of the traceback that is a template's."""
    found: tuple[str | None, int | None] = (None, None)
    trace = exc.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = template.name, template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return found


_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_OUTER = " \t\r\n"


def _one_line(text: str, what: str) -> str:
    text = text.strip(_OUTER)
    found = _CONTROL.search(text)
    if found is not None:
        names = {"\r": "a carriage return", "\n": "a line break", "\0": "a NUL"}
        raise _Refused("header", f"{what} contains {names.get(found.group(), 'a control character')}")
    return _storable(text, what)


def _storable(text: str, what: str) -> str:
    """Text that PostgreSQL can keep: no NUL, no lone surrogates, not too many bytes."""
    if "\0" in text:
        raise _Refused("template", f"{what} contains a NUL")
    try:
        size = len(text) if text.isascii() else len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise _Refused("template", f"{what} contains half a surrogate pair") from None
    if size > MAX_TEXT:
        raise _LimitReached(f"{what} has {size} bytes: the limit is {MAX_TEXT}")
    return str(text)


# --- addresses --------------------------------------------------------------------------------------------

_ATOM = r"[^\s@<>()\[\],;:\\\".\x00-\x20\x7f]+"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAILBOX = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*|\"(?:[^\"\\\r\n]|\\.)*\")@"
    rf"(?P<domain>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f.:IPvb]+\])"
)
_SIMPLE = re.compile(
    r"[A-Za-z0-9_+-]{1,64}(?:\.[A-Za-z0-9_+-]{1,20}){0,3}@(?:[A-Za-z0-9]{1,20}[.-]){0,6}[A-Za-z0-9]{1,20}"
)
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|<[^<>]*>|[^"\\<>,]+|.', re.DOTALL)
_NEEDS_QUOTES = re.compile(r"[^\w !#$%&'*+/=?^`{|}~-]")


def _addresses(text: str) -> list[str]:
    """The addresses of a list, each as ``a@b`` or ``Name <a@b>``; raises _Refused."""
    if _SIMPLE.fullmatch(text):
        return [text]
    # The author's line breaks only fold a long list; those of the data are still veiled, and refused below.
    text = _one_line(text.replace("\r", " ").replace("\n", " "), "the address")
    found = []
    for shape in _split_list(text):
        if "<" in shape:
            found.append(_named(shape))
            continue
        plain = _one_line(shape.translate(_UNVEILED), "the address")
        # No shape of the author's: the data may be a whole list, or one address with its name.
        found.extend(_named(part) if "<" in part else _bare(part) for part in _split_list(plain))
    return found


def _split_list(text: str) -> list[str]:
    parts, current = [], ""
    for piece in _PIECES.findall(text):
        if piece == ",":
            parts.append(current.strip())
            current = ""
        else:
            current += piece
    return [part for part in (*parts, current.strip()) if part]


def _named(shape: str) -> str:
    name, _, rest = _outside_quotes(shape)
    mailbox, closing, trailing = rest.partition(">")
    shown = shape.translate(_UNVEILED)
    if not closing or trailing.strip():
        raise _Refused("address", f"not an address: {shown!r}")
    address = _bare(mailbox.strip().translate(_UNVEILED))
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    name = " ".join(_one_line(name.translate(_UNVEILED), "the name").split())
    if not name:
        return address
    if _NEEDS_QUOTES.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{_storable(address, 'the address')}>"


def _outside_quotes(shape: str) -> tuple[str, str, str]:
    """The shape split at its first ``<`` that is not in quotes."""
    before = ""
    for piece in _PIECES.findall(shape):
        if piece.startswith("<"):
            return before, "<", shape[len(before) + 1 :]
        before += piece
    return before, "", ""


def _bare(text: str) -> str:
    found = _MAILBOX.fullmatch(text)
    if found is None or len(found["local"].encode()) > 64 or len(text.encode()) > 254:
        raise _Refused("address", f"not an address: {text[:100]!r}")
    return text


# --- channels ---------------------------------------------------------------------------------------------

_LISTS = ("to", "cc", "bcc", "reply_to")
_HEADER_NAME = re.compile("[!-9;-~]+")
_OWN_HEADERS = frozenset(
    "to cc bcc from sender reply-to subject date message-id mime-version content-type "
    "content-transfer-encoding content-disposition return-path received".split()
)
_NOT_SHOWN = re.compile("(?:.*_)?url|.*_id|value|type|name|style")


class _Bundle:
    """The compiled templates of one step."""

    def __init__(self, templates: Mapping[str, Any], files: Mapping[str, str]) -> None:
        self.files = files
        self.templates = templates
        self._environments: dict[str, _Environment] = {}

    def environment(self, kind: str) -> _Environment:
        if kind not in self._environments:
            self._environments[kind] = _Environment(kind, self.files)
        return self._environments[kind]

    def field(self, name: str, kind: str, source: Any) -> _Field:
        """Compile a template written in the definition itself."""
        if source is None or isinstance(source, (dict, list)):
            raise _fault(name, "template", f"{name} must be text")
        source = source if isinstance(source, str) else json.dumps(source)
        try:
            environment = self.environment(kind)
            if not any(mark in source for mark in ("{{", "{%", "{#")):
                return _Field(environment, name, source.removesuffix("\n"))
            inner = f"<{'html' if kind == 'html' else name}>"
            _check_source(source)
            code = environment.compile(source, name=inner, filename=inner)
            return _Field(environment, name, Template.from_code(environment, code, environment.globals))
        except Exception as exc:
            raise _fault_of(name, exc) from None

    def file(self, name: str, kind: str, file: str) -> _Field:
        try:
            for source in self.files.values():
                _check_source(source)
            environment = self.environment(kind)
            return _Field(environment, name, environment.get_template(file))
        except Exception as exc:
            raise _fault_of(name, exc) from None

    def render(self, variables: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


def _check_source(source: str) -> None:
    if len(source) > MAX_SOURCE:
        raise _LimitReached(f"the template has {len(source)} characters: the limit is {MAX_SOURCE}")


def _evaluated(field: _Field, variables: dict[str, Any], finish: Callable[[str], Any]) -> Any:
    try:
        return finish(field.text(variables))
    except Exception as exc:
        raise _fault_of(field.name, exc) from None


def _finish_subject(text: str) -> str:
    text = _one_line(text, "subject")
    size = len(text.encode("utf-8"))
    if size > MAX_SUBJECT:
        raise _LimitReached(f"the subject has {size} bytes: the limit is {MAX_SUBJECT}")
    return text


def _finish_sender(text: str) -> str | None:
    found = _addresses(text)
    if len(found) > 1:
        raise _Refused("address", "from takes one address")
    return found[0] if found else None


def _finish_to(text: str) -> list[str]:
    found = _addresses(text)
    if not found:
        raise _Refused("address", "to is empty")
    return found


class _Email(_Bundle):
    def __init__(self, templates: Mapping[str, Any], files: Mapping[str, str]) -> None:
        super().__init__(templates, files)
        given = {key: value for key, value in templates.items() if value is not None}
        self._lists = {
            key: (self.field(key, "address", _as_list(given[key])), _finish_to if key == "to" else _addresses)
            for key in _LISTS
            if key in given
        }
        self._sender = self.field("from", "address", given["from"]) if "from" in given else None
        self._subject = self.field("subject", "text", given.get("subject", ""))
        self._html, self._plain = self._bodies(given)
        self._headers = {
            name: self._header(name, value) for name, value in (given.get("headers") or {}).items()
        }
        if "to" not in given:
            raise _fault("to", "address", "to is empty")
        if self._html is None and self._plain is None:
            raise _fault("template", "template", "the email has neither template nor html nor text")

    def _bodies(self, given: Mapping[str, Any]) -> tuple[_Field | None, _Field | None]:
        html = self.field("html", "html", given["html"]) if "html" in given else None
        plain = self.field("text", "text", given["text"]) if "text" in given else None
        name = given.get("template")
        if name is None:
            return html, plain
        stem, _, ending = str(name).rpartition(".")
        if ending.lower() == "txt":
            return html, plain or self.file("template", "text", name)
        beside = f"{stem}.txt"
        if plain is None and beside in self.files:
            plain = self.file("text", "text", beside)
        return html or self.file("template", "html", name), plain

    def _header(self, name: str, value: Any) -> _Field:
        field = f"headers.{name}"
        if not _HEADER_NAME.fullmatch(name):
            raise _fault(field, "header", f"not a header's name: {name!r}")
        if name.lower() in _OWN_HEADERS:
            raise _fault(field, "header", f"the header {name} is not free: use the field for it")
        return self.field(field, "text", value)

    def render(self, variables: dict[str, Any]) -> dict[str, Any]:
        content: dict[str, Any] = {key: [] for key in _LISTS}
        content.update({"from": None, "subject": "", "html": None, "text": None, "headers": {}})
        for key, (field, finish) in self._lists.items():
            content[key] = _evaluated(field, variables, finish)
        if self._sender is not None:
            content["from"] = _evaluated(self._sender, variables, _finish_sender)
        content["subject"] = _evaluated(self._subject, variables, _finish_subject)
        if self._html is not None:
            content["html"] = _evaluated(self._html, variables, _finish_body)
        if self._plain is not None:
            content["text"] = _evaluated(self._plain, variables, _finish_body)
        for name, field in self._headers.items():
            content["headers"][name] = _evaluated(field, variables, functools.partial(_one_line, what=name))
        return content


def _as_list(value: Any) -> Any:
    """A YAML list of addresses reads like one line of them."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _finish_body(text: str) -> str:
    return _storable(text, "the text")


def _finish_slack(text: str) -> str:
    # Joining markup escapes quotes as HTML does. Slack would show those entities as they are.
    if "&#3" in text:
        text = text.replace("&#39;", "'").replace("&#34;", '"')
    return _storable(text, "the text")


def _finish_channel(text: str) -> str | None:
    return _one_line(text, "channel") or None


class _Slack(_Bundle):
    def __init__(self, templates: Mapping[str, Any], files: Mapping[str, str]) -> None:
        super().__init__(templates, files)
        given = {key: value for key, value in templates.items() if value is not None}
        self._channel = self.field("channel", "text", given["channel"]) if "channel" in given else None
        self._text = self.field("text", "slack", given["text"]) if "text" in given else None
        self._blocks = self._compiled(given["blocks"], "blocks", "", 0) if "blocks" in given else None
        if self._text is None and self._blocks is None:
            raise _fault("text", "template", "the Slack message has neither text nor blocks")

    def _compiled(self, tree: Any, place: str, key: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _fault(place, "limit", "blocks are nested too deeply")
        if isinstance(tree, dict):
            return {
                name: self._compiled(leaf, f"{place}.{name}", name, depth + 1) for name, leaf in tree.items()
            }
        if isinstance(tree, list):
            return [self._compiled(leaf, f"{place}[{at}]", key, depth + 1) for at, leaf in enumerate(tree)]
        if not isinstance(tree, str):
            return tree
        return self.field(place, "text" if _NOT_SHOWN.fullmatch(key) else "slack", tree)

    def _filled(self, tree: Any, variables: dict[str, Any]) -> Any:
        if isinstance(tree, dict):
            return {name: self._filled(leaf, variables) for name, leaf in tree.items()}
        if isinstance(tree, list):
            return [self._filled(leaf, variables) for leaf in tree]
        return _evaluated(tree, variables, _finish_slack) if isinstance(tree, _Field) else tree

    def render(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {
            "channel": _evaluated(self._channel, variables, _finish_channel) if self._channel else None,
            "text": _evaluated(self._text, variables, _finish_slack) if self._text else None,
            "blocks": self._filled(self._blocks, variables),
        }


# --- the batch --------------------------------------------------------------------------------------------

_CHANNELS: dict[str, type[_Bundle]] = {"email": _Email, "slack": _Slack}
_CACHE: dict[bytes, _Bundle] = {}


def _bundle(channel: str, templates: Mapping[str, Any], files: Mapping[str, str]) -> _Bundle:
    """The compiled templates, from the cache if the same content has been compiled before; raises _Fault."""
    if channel not in _CHANNELS:
        raise _fault("channel", "channel", f"there is no channel {channel!r}: use {' or '.join(_CHANNELS)}")
    # Insertion order is part of the content here: it shows in blocks and headers.
    content = json.dumps([channel, templates, files], default=str)
    key = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=20).digest()
    bundle = _CACHE.pop(key, None)
    if bundle is None:
        bundle = _CHANNELS[channel](templates, files)
    _CACHE[key] = bundle
    while len(_CACHE) > CACHED_BUNDLES:
        del _CACHE[next(iter(_CACHE))]
    return bundle


def _late(seconds: float) -> dict[str, Any]:
    message = f"the template took longer than {seconds:g} s of CPU time"
    return {"error": {"code": "limit", "message": message, "field": None, "file": None, "line": None}}


def render_batch(
    channel: str,
    templates: Mapping[str, Any],
    files: Mapping[str, str],
    contexts: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Render one message per context.

    Returns, in the order of the contexts, {"content": {...}} or {"error": {"code", "message", "field",
    "file", "line"}}; code is "template", "limit", "address", "header" or "channel". Raises nothing for any
    template or context.
    """
    with _LOCK, _Watch() as watch:
        _Meter.produced = 0
        watch.allowed = round(COMPILE_SECONDS / _TICK)
        try:
            bundle = _bundle(channel, templates, files)
        except _Fault as fault:
            return [{"error": dict(fault.error)} for _ in contexts]
        except _Deadline:
            return [_late(COMPILE_SECONDS) for _ in contexts]
        watch.allowed = round(ITEM_SECONDS / _TICK)
        results: list[dict[str, Any]] = []
        for context in contexts:
            try:
                watch.item += 1
                _Meter.produced = 0
                result = _rendered(bundle, context)
            except _Deadline:
                result = _late(watch.allowed * _TICK)
                watch.punish()
            results.append(result)
        return results


def _rendered(bundle: _Bundle, context: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"content": bundle.render({**_GLOBALS, **context})}
    except _Fault as fault:
        return {"error": fault.error}
    except Exception as exc:
        return {"error": _fault_of("", exc).error}


# --- references -------------------------------------------------------------------------------------------


def linked_files(source: str) -> list[str]:
    """The names of the files that a source extends, includes or imports; none if it does not parse."""
    try:
        tree = _Environment("text", {}).parse(source)
    except (TemplateError, RecursionError):
        return []
    found: list[str] = []
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        for name in _constant_names(node.template) or []:  # type: ignore[attr-defined]
            if name not in found:
                found.append(name)
    return found


def _constant_names(node: nodes.Node) -> list[str] | None:
    """The names that an expression can give, None unless they are all written out."""
    if isinstance(node, nodes.Const):
        return [node.value] if isinstance(node.value, str) else None
    parts: list[nodes.Node]
    if isinstance(node, (nodes.List, nodes.Tuple)):
        parts = list(node.items)
    elif isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        parts = [node.expr1, node.expr2]
    else:
        return None
    names: list[str] = []
    for part in parts:
        found = _constant_names(part)
        if found is None:
            return None
        names.extend(found)
    return names


def references(templates: Mapping[str, Any], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the templates of a step read, and what is wrong with them.

    Returns entries {"field", "path", "file", "line"}, one for each path in each field, and {"field", "error",
    "file", "line"}; file is None where the template stands in the definition itself.
    """
    with _LOCK, _Watch() as watch:
        watch.allowed = round(COMPILE_SECONDS / _TICK)
        found = _References(files)
        try:
            for field, kind, source in _sources(templates, files):
                if kind == "file":
                    found.read_file(field, source, frozenset(), None, 1)
                else:
                    found.read(field, None, source, set(), {})
        except _Deadline:
            return [
                {
                    "field": None,
                    "error": "the templates are too large to be examined",
                    "file": None,
                    "line": None,
                }
            ]
        return found.entries


def _sources(templates: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Every template of a step: its field, "inline" or "file", and the source or the file's name."""
    for key, value in templates.items():
        if key == "template" and isinstance(value, str):
            yield key, "file", value
            beside = value.rpartition(".")[0] + ".txt"
            if beside in files and beside != value and templates.get("text") is None:
                yield "text", "file", beside
        else:
            yield from ((place, "inline", leaf) for place, leaf in _leaves(key, value, 0))


def _leaves(place: str, tree: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield place, tree
    elif isinstance(tree, dict) and depth <= MAX_DEPTH:
        for name, leaf in tree.items():
            yield from _leaves(f"{place}.{name}", leaf, depth + 1)
    elif isinstance(tree, list) and depth <= MAX_DEPTH:
        for at, leaf in enumerate(tree):
            yield from _leaves(f"{place}[{at}]", leaf, depth + 1)


class _References:
    """Walks syntax trees and keeps what they read; ``scope`` holds the names that a template has set."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.entries: list[dict[str, Any]] = []
        self._files = files
        self._environment = _Environment("text", files)
        self._known: set[Any] = set()
        self._seen: set[tuple[str, str, frozenset[str]]] = set()
        self._field = ""
        self._file: str | None = None
        self._overridden: dict[str, bool] = {}
        self._isolated = False

    def read_file(self, field: str, name: str, scope: frozenset[str], file: str | None, line: int) -> None:
        if name not in self._files:
            near = difflib.get_close_matches(name, self._files, 1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            self._field, self._file = field, file
            self._fail(f"there is no template file {name!r}{hint}", line)
        elif (field, name, scope) not in self._seen:
            self._seen.add((field, name, scope))
            self.read(field, name, self._files[name], set(scope), self._overridden)

    def read(
        self, field: str, file: str | None, source: str, scope: set[str], overridden: dict[str, bool]
    ) -> None:
        outer = self._field, self._file, self._overridden
        self._field, self._file, self._overridden = field, file, overridden
        try:
            self._read_tree(source, scope)
        except TemplateSyntaxError as exc:
            self._fail(exc.message or "syntax error", exc.lineno)
        except _LimitReached as exc:
            self._fail(str(exc), 1)
        except (RecursionError, MemoryError):
            self._fail("the template nests too deeply", 1)
        finally:
            self._field, self._file, self._overridden = outer

    def _read_tree(self, source: str, scope: set[str]) -> None:
        _check_source(source)
        tree = self._environment.parse(source)
        before = len(self.entries)
        self._check_names(tree)
        if len(self.entries) == before:
            try:
                self._environment.compile(source)
            except TemplateSyntaxError:
                raise
            except (SyntaxError, ValueError) as exc:
                self._fail(f"the template does not compile: {exc}", 1)
        if tree.find(nodes.Extends) is not None:
            # A child's top level runs before its blocks and its parent do.
            for child in tree.body:
                scope.update(_assigned(child))
            inherited = {block.name: _calls_super(block) for block in tree.find_all(nodes.Block)}
            self._overridden = {**inherited, **self._overridden}
        self._visit_all(tree.body, scope)

    def _check_names(self, tree: nodes.Template) -> None:
        for node in tree.find_all((nodes.Filter, nodes.Test)):
            what, known = (
                ("filter", _FILTERS) if isinstance(node, nodes.Filter) else ("test", self._environment.tests)
            )
            name = node.name
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f": did you mean {near[0]!r}?" if near else ""
                self._fail(f"there is no {what} {name!r}{hint}", node.lineno)

    def _fail(self, message: str, line: int | None) -> None:
        entry = {"field": self._field, "error": message, "file": self._file, "line": line}
        if entry not in self.entries:
            self.entries.append(entry)

    def _emit(self, path: list[Any], node: nodes.Node) -> None:
        if self._isolated:
            self._fail(
                f"{path[0]!r} is not known in a file that is imported or included without context",
                node.lineno,
            )
            return
        key = (self._field, self._file, *((type(part), part) for part in path))
        if key not in self._known:
            self._known.add(key)
            self.entries.append({"field": self._field, "path": path, "file": self._file, "line": node.lineno})

    def _visit_all(self, found: Iterable[nodes.Node | None], scope: set[str]) -> None:
        for node in found:
            if node is not None:
                self._visit(node, scope)

    def _visit(self, node: nodes.Node, scope: set[str]) -> None:
        handler = getattr(self, f"_visit_{type(node).__name__.lower()}", None)
        if handler is not None:
            handler(node, scope)
        else:
            self._visit_all(node.iter_child_nodes(), scope)

    def _visit_name(self, node: nodes.Name, scope: set[str]) -> None:
        if node.ctx == "load" and node.name not in scope and node.name not in ("self", "super", "caller"):
            self._emit([node.name], node)

    def _visit_getattr(self, node: nodes.Getattr | nodes.Getitem, scope: set[str]) -> None:
        path = _chain(node)
        if path is None:
            self._visit_all(node.iter_child_nodes(), scope)
        elif path[0] not in scope and path[0] not in ("self", "super", "caller"):
            self._emit(path, node)

    _visit_getitem = _visit_getattr

    def _visit_call(self, node: nodes.Call, scope: set[str]) -> None:
        called = node.node
        if isinstance(called, nodes.Getattr):
            path = _chain(called.node)
            first = node.args[0] if node.args else None
            if called.attr == "get" and path is not None and isinstance(first, nodes.Const):
                self._visit(nodes.Getitem(called.node, first, "load", lineno=node.lineno), scope)
            else:
                self._visit(called.node, scope)
        elif not (isinstance(called, nodes.Name) and called.name in _GLOBALS):
            self._visit(called, scope)
        self._visit_all([*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs], scope)

    def _visit_for(self, node: nodes.For, scope: set[str]) -> None:
        self._visit(node.iter, scope)
        inner = scope | _stored(node.target) | {"loop"}
        self._visit_all([node.test], inner)
        self._visit_all(node.body, set(inner))
        self._visit_all(node.else_, set(scope))

    def _visit_if(self, node: nodes.If, scope: set[str]) -> None:
        self._visit(node.test, scope)
        ends = []
        branches: list[list[Any]] = [node.body, *[[part] for part in node.elif_], node.else_]
        for branch in branches:
            inner = set(scope)
            self._visit_all(branch, inner)
            ends.append(inner)
        scope |= set.intersection(*ends)

    def _visit_assign(self, node: nodes.Assign, scope: set[str]) -> None:
        self._visit(node.node, scope)
        scope |= _stored(node.target)

    def _visit_assignblock(self, node: nodes.AssignBlock, scope: set[str]) -> None:
        self._visit_all([node.filter], scope)
        self._visit_all(node.body, set(scope))
        scope |= _stored(node.target)

    def _visit_macro(self, node: nodes.Macro, scope: set[str]) -> None:
        scope.add(node.name)
        self._visit_all(node.defaults, scope)
        self._visit_all(node.body, scope | {arg.name for arg in node.args} | {"varargs", "kwargs", "caller"})

    def _visit_callblock(self, node: nodes.CallBlock, scope: set[str]) -> None:
        self._visit(node.call, scope)
        self._visit_all(node.defaults, scope)
        self._visit_all(node.body, scope | {arg.name for arg in node.args})

    def _visit_filterblock(self, node: nodes.FilterBlock, scope: set[str]) -> None:
        self._visit(node.filter, scope)
        self._visit_all(node.body, set(scope))

    def _visit_with(self, node: nodes.With, scope: set[str]) -> None:
        self._visit_all(node.values, scope)
        inner = set(scope)
        for target in node.targets:
            inner |= _stored(target)
        self._visit_all(node.body, inner)

    def _visit_block(self, node: nodes.Block, scope: set[str]) -> None:
        if self._file is not None and self._is_replaced(node.name):
            return
        self._visit_all(node.body, set(scope))

    def _is_replaced(self, block: str) -> bool:
        """A parent's block that a child has replaced, without calling super(), is never rendered."""
        return self._depth > 0 and not self._overridden.get(block, True)

    _depth = 0  # how many children stand before the file that is being read

    def _visit_extends(self, node: nodes.Extends, scope: set[str]) -> None:
        self._depth += 1
        try:
            self._follow(node, node.template, scope)
        finally:
            self._depth -= 1

    def _visit_include(self, node: nodes.Include, scope: set[str]) -> None:
        self._standalone(node, scope, node.with_context, node.ignore_missing)

    def _visit_import(self, node: nodes.Import, scope: set[str]) -> None:
        self._standalone(node, scope, node.with_context, False)
        scope.add(node.target)

    def _visit_fromimport(self, node: nodes.FromImport, scope: set[str]) -> None:
        self._standalone(node, scope, node.with_context, False)
        scope.update(name if isinstance(name, str) else name[1] for name in node.names)

    def _standalone(self, node: Any, scope: set[str], with_context: bool, ignore_missing: bool) -> None:
        outer = self._depth, self._overridden, self._isolated
        self._depth, self._overridden, self._isolated = 0, {}, self._isolated or not with_context
        try:
            self._follow(node, node.template, scope if with_context else set(), ignore_missing)
        finally:
            self._depth, self._overridden, self._isolated = outer

    def _follow(
        self, node: nodes.Node, template: nodes.Node, scope: set[str], ignore_missing: bool = False
    ) -> None:
        names = _constant_names(template)
        if names is None:
            self._fail("the name of a template file must be written out", node.lineno)
            self._visit(template, scope)
            return
        if isinstance(template, nodes.CondExpr):
            self._visit(template.test, scope)
        # Of a list, the first file that exists is taken.
        choice = isinstance(template, (nodes.List, nodes.Tuple)) and any(
            name in self._files for name in names
        )
        for name in names:
            if name in self._files or not (ignore_missing or choice):
                self.read_file(self._field, name, frozenset(scope), self._file, node.lineno)


def _stored(target: nodes.Node) -> set[str]:
    names = [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
    return {name.name for name in names}


def _assigned(node: nodes.Node) -> set[str]:
    if isinstance(node, (nodes.Assign, nodes.AssignBlock)):
        return _stored(node.target)
    if isinstance(node, nodes.Macro):
        return {node.name}
    if isinstance(node, nodes.Import):
        return {node.target}
    if isinstance(node, nodes.FromImport):
        return {name if isinstance(name, str) else name[1] for name in node.names}
    return set()


def _calls_super(block: nodes.Block) -> bool:
    return any(name.name == "super" for name in block.find_all(nodes.Name))

"""The operators of expressions, within limits."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .limits import MAX_BITS, MAX_TEXT, MAX_WIDTH, METER, LimitError, check_count
from .values import SCALARS, settled, weigh

_WIDE = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(?:\*|[0-9]{4,}|[0-9]*\.(?:\*|[0-9]{4,}))|%\([^)]*\(")


def binary(name: str, left: Any, right: Any) -> Any:
    """The result of an arithmetic operator. A decimal meets a float as a decimal: a price times 1.2 works."""
    if isinstance(left, Decimal) and isinstance(right, float):
        right = Decimal(repr(right))
    elif isinstance(right, Decimal) and isinstance(left, float):
        left = Decimal(repr(left))
    return BINARY[name](left, right)


def compare(first: Any, *rest: Any) -> bool:
    """The result of a chain ``first, operator, value, operator, value ...``."""
    left = first if type(first) in SCALARS else settled(first)
    for name, value in zip(rest[::2], rest[1::2], strict=True):
        right = value if type(value) in SCALARS else settled(value)
        if not _COMPARISONS[name](left, right):
            return False
        left = right
    return True


def percent(left: Any, right: Any) -> Any:
    """A remainder, or a text formatted as by ``'%s' % value``."""
    if not isinstance(left, str):
        return operator.mod(left, right)
    if _WIDE.search(left):
        raise LimitError(f"a format's width is limited to {MAX_WIDTH - 1} and stands in the format")
    check_format(left, left.count("%"), right)
    return METER.charged(operator.mod(left, right))


def check_format(form: str, markers: int, values: Any) -> None:
    """Raise where a format could give far too large a text, each marker giving all the values."""
    if len(form) + markers * (MAX_WIDTH + weigh(values)) > 16 * MAX_TEXT:
        raise LimitError("a format gives too large a text")


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        METER.charge(len(left) + len(right))
    elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        _charge_list(len(left) + len(right))
    return operator.add(left, right)


def _multiply(left: Any, right: Any) -> Any:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(sequence, str):
            METER.charge(len(sequence) * max(times, 0))
        elif isinstance(times, int) and isinstance(sequence, (list, tuple)):
            _charge_list(len(sequence) * max(times, 0))
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())
    return operator.mul(left, right)


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * abs(right))
    return operator.pow(left, right)


def _charge_list(count: int) -> None:
    check_count(count)
    METER.spend(8 * count)


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise LimitError("a number is too large")


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": operator.sub,
    "*": _multiply,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": percent,
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

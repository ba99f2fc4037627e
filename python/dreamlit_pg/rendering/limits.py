"""How much a template may have, and the meter that counts it."""

from __future__ import annotations

from typing import TypeVar

from jinja2.exceptions import TemplateRuntimeError

ITEM_SECONDS = 1.0  # CPU time for one item
COMPILE_SECONDS = 5.0  # CPU time for compiling all templates of a step
MAX_TEXT = 1 << 20  # characters of any one string, bytes of any one field
MAX_SUBJECT = 998  # bytes, RFC 5322
MAX_ITEMS = 100_000  # members of any one list, steps of any one range
MAX_DEPTH = 50  # nesting of a value that is printed or compared
MAX_PRODUCED = 32 << 20  # characters that the expressions of one item may produce in all
MAX_BITS = 4096  # of an integer
MAX_WIDTH = 1000  # padding and precision
MAX_SOURCE = 1 << 20  # characters of one template
CACHED_MESSAGES = 128

Value = TypeVar("Value")


class LimitError(TemplateRuntimeError):
    """A template asked for more than it may have."""


class Meter:
    """Counts the characters that expressions produce for one item."""

    def __init__(self) -> None:
        self._produced = 0

    def reset(self) -> None:
        self._produced = 0

    def spend(self, size: int) -> None:
        self._produced += size
        if self._produced > MAX_PRODUCED:
            raise LimitError(f"the template produces more than {MAX_PRODUCED} characters in its expressions")

    def charge(self, size: int) -> None:
        """Spend what one text takes."""
        if size > MAX_TEXT:
            raise LimitError(f"a text of {size} characters is too large: the limit is {MAX_TEXT}")
        self.spend(size)

    def charged(self, value: Value) -> Value:
        """The value, once it has been paid for."""
        if isinstance(value, str):
            self.charge(len(value))
        elif isinstance(value, (list, tuple)):
            check_count(len(value))
            self.spend(50 * len(value))
        return value


METER = Meter()  # one is enough: batches are locked


def check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise LimitError(f"a list of {count} is too long: the limit is {MAX_ITEMS}")

"""Libraries that a server's Python may lack: what needs one says so at publish."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

from jinja2.exceptions import TemplateRuntimeError

# Module, the name under which pip knows it, and the oldest release whose answers we know.
_BABEL = ("babel", "babel", (2, 18))
_MARKDOWN = (("markdown_it", "markdown-it-py", (4, 0)), ("nh3", "nh3", (0, 3)))
NEEDS: Mapping[str, tuple[tuple[str, str, tuple[int, int]], ...]] = {
    **dict.fromkeys(("money", "number", "percent", "date", "datetime", "pluralise"), (_BABEL,)),
    "markdown": _MARKDOWN,
}
"""What a filter needs."""

MISSING_HINT = (
    "install {packages} for the server's Python (its PYTHONPATH will do), or let the senders render: "
    "select dreamlit.set_setting('renderer', '\"sender\"')"
)
_VERSION = re.compile(r"(\d+)\.(\d+)")


class MissingError(TemplateRuntimeError):
    """The Python that renders lacks a library."""


def library(module: str) -> Any:
    """The module; raises MissingError where there is none."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingError(f"the Python that renders has no {module}") from None


def missing(filter_name: str) -> list[str]:
    """What pip must install before a filter can be used; loads what is there."""
    return [
        f"{package}>={oldest[0]}.{oldest[1]}"
        for module, package, oldest in NEEDS.get(filter_name, ())
        if not _is_there(module, oldest)
    ]


def _is_there(module: str, oldest: tuple[int, int]) -> bool:
    try:
        found = _VERSION.match(str(getattr(library(module), "__version__", "")))
    except MissingError:
        return False
    return found is not None and (int(found[1]), int(found[2])) >= oldest

"""What the templates of a step read, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .email import refused
from .fields import is_constant
from .limits import COMPILE_SECONDS, MAX_DEPTH
from .reader import Reader
from .translations import faults
from .watch import LOCK, DeadlineError, Watch


def references(templates: Mapping[str, Any], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the templates of a step read, and what is wrong with them.

    Returns entries {"field", "path", "file", "line"}, one for each path in each field, and {"field", "error",
    "file", "line"}; file is None where the template stands in the definition itself. A text without any
    template is wrong where no message could carry it, such as to: nobody.
    """
    with LOCK, Watch(COMPILE_SECONDS):
        reader = Reader(files)
        try:
            for field, kind, source in _sources(templates, files):
                if kind == "file":
                    reader.read_file(field, source)
                elif not is_constant(source):
                    reader.read(field, source)
                elif (fault := refused(field, source)) is not None:
                    reader.entries.append({"field": field, "error": fault, "file": None, "line": None})
        except DeadlineError:
            message = "the templates are too large to be examined"
            return [{"field": None, "error": message, "file": None, "line": None}]
        return reader.entries + faults(reader.translated, files)


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

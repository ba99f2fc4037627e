"""A template's source as Jinja and as what stands between."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jinja2 import Environment, TemplateError

_LEXER = Environment(autoescape=True)
_ENDS = {"block_end": "statement", "variable_end": "expression", "comment_end": "comment", "raw_end": "raw"}
_LITERAL = re.compile(r"""\s*(['"])([^'"\\]*)\1\s*(?:with context\s*)?""")


@dataclass(frozen=True)
class Segment:
    """A piece of a source: "text", "statement", "expression", "comment" or "raw".

    Of a statement also its first word, and the rest of it.
    """

    kind: str
    source: str
    line: int
    word: str = ""
    rest: str = ""

    @property
    def literal(self) -> str | None:
        """The file that a statement names, if it is written out and nothing else stands beside it."""
        found = _LITERAL.fullmatch(self.rest)
        return found[2] if found else None


def segments(source: str) -> list[Segment] | None:
    """The pieces of a source, in order; None where it is no Jinja (which publishing reports)."""
    found: list[Segment] = []
    held: list[str] = []
    inner: list[str] = []
    started = 1
    try:
        for line, token, value in _LEXER.lex(source):
            if token.endswith("_begin"):
                held, inner, started = [value], [], line
            elif token in _ENDS:
                word, _, rest = "".join(inner).strip().partition(" ")
                found.append(Segment(_ENDS[token], "".join([*held, value]), started, word, rest))
                held = []
            elif held:
                held.append(value)
                inner.append(value)
            else:
                found.append(Segment("text", value, line))
    except TemplateError:
        return None
    return found


class Shield:
    """Hides pieces of Jinja behind words that every parser of HTML, CSS and MJML lets pass."""

    def __init__(self) -> None:
        self._hidden: list[str] = []

    def hide(self, source: str) -> str:
        """The word that stands for a piece."""
        self._hidden.append(source)
        return f"dreamlitjinja{len(self._hidden) - 1}x"

    def covered(self, found: Iterable[Segment]) -> str:
        """The source with every piece of Jinja hidden."""
        return "".join(
            segment.source if segment.kind == "text" else self.hide(segment.source) for segment in found
        )

    def bare(self, text: str) -> str:
        """The text with everything that was hidden back in its place."""
        while TOKEN.search(text):  # what is hidden may itself hold something hidden
            text = TOKEN.sub(lambda match: self._hidden[int(match[1])], text)
        return text

    def replaced(self, text: str, replace: Callable[[str, str], str]) -> str:
        """The text with each word replaced by what ``replace(word, hidden)`` gives."""
        return TOKEN.sub(lambda match: replace(match[0], self._hidden[int(match[1])]), text)

    def holds_statement(self, text: str) -> bool:
        """Whether a piece that is hidden in the text is more than an expression."""
        return any(not self._hidden[int(match[1])].startswith("{{") for match in TOKEN.finditer(text))


TOKEN = re.compile(r"dreamlitjinja(\d+)x", re.IGNORECASE)

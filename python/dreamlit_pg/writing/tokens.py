"""Jinja in markup: put away before a compiler of markup sees it, and put back afterwards.

A token is a word that neither MJML nor CSS nor HTML changes. Where the markup takes no text
(between the rows of a table, say), an HTML parser would move a word elsewhere: there it stands as a comment.
"""

from __future__ import annotations

import re

from dreamlit_pg.errors import DreamlitError

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
# What holds no comments of its own: comments (Outlook's conditions), styles, titles, tags with attributes.
_NO_COMMENTS = re.compile(
    r"<!--.*?-->|<!\[.*?\]>|<(style|script|title|textarea|mj-style|mj-title|mj-preview)\b.*?</\1\s*>|<[!/a-zA-Z][^>]*>",
    re.DOTALL | re.IGNORECASE,
)


class WritingError(DreamlitError):
    """A template file that does not compile; the message is the fact."""


class Tokens:
    """The Jinja of one text: `text` has tokens in its place, `restored` puts it back."""

    def __init__(self, source: str) -> None:
        self._word = "jinja"
        while self._word in source.lower():
            self._word += "x"
        self._found: list[str] = []
        self.text = _JINJA.sub(self._put_away, source)

    def _put_away(self, match: re.Match[str]) -> str:
        self._found.append(match[0])
        return f"{self._word}{len(self._found) - 1}z"

    @property
    def pattern(self) -> str:
        """Return the regular expression of a token."""
        return rf"{self._word}[0-9]+z"

    def is_statement(self, token: str) -> bool:
        """Whether the token stands for a statement or a comment, not for an expression."""
        return not self._found[self._number(token)].startswith("{{")

    def _number(self, token: str) -> int:
        return int(token[len(self._word) : -1])

    def with_comments(self, text: str) -> str:
        """Return a text in which each token among the elements is a comment."""
        parts, end = [], 0
        for match in _NO_COMMENTS.finditer(text):
            parts += [self._as_comments(text[end : match.start()]), match[0]]
            end = match.end()
        return "".join([*parts, self._as_comments(text[end:])])

    def _as_comments(self, text: str) -> str:
        return re.sub(self.pattern, lambda match: f"<!--{match[0]}-->", text)

    def restored(self, text: str) -> str:
        """Return the text with its Jinja; raises WritingError if some of it was lost on the way."""
        seen = set()

        def put_back(match: re.Match[str]) -> str:
            number = self._number(match[1])
            seen.add(number)
            return self._found[number]

        restored = re.sub(rf"(?:<!--)?({self.pattern})(?:-->)?", put_back, text)
        for number, source in enumerate(self._found):
            if number not in seen and not source.startswith("{#"):
                raise WritingError(
                    f"{source} stands where the compiled HTML has no place for it",
                    hint="move it into a text or an attribute, or between elements",
                )
        return restored

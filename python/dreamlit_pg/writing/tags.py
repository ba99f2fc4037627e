"""The start tags of HTML and MJML, found in the source without changing a byte of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ATTRIBUTE = re.compile(r"""([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_TAG = re.compile(
    r"<!--.*?-->"
    r"|<(?P<name>[A-Za-z][\w:-]*)(?P<attributes>(?:\s+(?:[^\"'<>]|\"[^\"]*\"|'[^']*')*)?)>"
    r"|</(?P<end>[A-Za-z][\w:-]*)\s*>",
    re.DOTALL,
)


@dataclass(frozen=True)
class Tag:
    """A start tag, or with ``is_end`` an end tag, and where it stands in the source."""

    name: str
    attributes: str
    start: int
    end: int
    is_end: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it is written <like this/>."""
        return self.attributes.rstrip().endswith("/")

    def attribute(self, name: str) -> str | None:
        """The attribute's value as it is written, "" for one without value, None if there is none."""
        for match in _ATTRIBUTE.finditer(self.attributes):
            if match[1].lower() == name:
                return next((group for group in match.groups()[1:] if group is not None), "")
        return None

    def place_of(self, name: str) -> tuple[int, int] | None:
        """Where an attribute stands in the source."""
        for match in _ATTRIBUTE.finditer(self.attributes):
            if match[1].lower() == name:
                before = self.start + 1 + len(self.name)
                return before + match.start(), before + match.end()
        return None


def tags(source: str, opaque: frozenset[str]) -> Iterator[Tag]:
    """The tags of a source, without comments and what stands inside opaque elements."""
    at = 0
    while match := _TAG.search(source, at):
        at = match.end()
        if match["end"]:
            yield Tag(match["end"].lower(), "", match.start(), match.end(), is_end=True)
        elif match["name"]:
            tag = Tag(match["name"].lower(), match["attributes"] or "", match.start(), match.end())
            yield tag
            if tag.name in opaque and not tag.is_empty:
                at = end_of(source, tag)


def end_of(source: str, tag: Tag) -> int:
    """Where the end tag of an element begins that holds no other of its name; the end if there is none."""
    found = re.compile(rf"</{re.escape(tag.name)}\s*>", re.IGNORECASE).search(source, tag.end)
    return found.start() if found else len(source)

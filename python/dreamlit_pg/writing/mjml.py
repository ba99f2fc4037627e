"""MJML to HTML, with the Jinja in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from mjml import mjml2html

from dreamlit_pg.writing.tokens import Tokens, WritingError

# Elements that hold other elements: text among those must stand in mj-raw. All others hold HTML or text.
_STRUCTURE = frozenset(
    {
        *("mjml", "mj-head", "mj-body", "mj-section", "mj-column", "mj-wrapper", "mj-group", "mj-hero"),
        *("mj-navbar", "mj-social", "mj-accordion", "mj-accordion-element", "mj-attributes", "mj-carousel"),
    }
)
_TAG = re.compile(r"<!--.*?-->|<(/?)(mjml|mj-[a-z-]+)\b[^>]*?(/?)>", re.DOTALL)
_INCLUDE = re.compile(r"""<mj-include\s+path\s*=\s*(?:"([^"]*)"|'([^']*)')\s*(?:/>|>\s*</mj-include\s*>)""")
_MOST_INCLUDES = 50

Read = Callable[[str], str]
"""Gives the text of a file that is named from within another."""


def to_html(source: str, read: Read) -> str:
    """Compile a whole MJML document. `read` raises for a file that is not there.

    Raises WritingError with what the compiler says.
    """
    source = _with_includes(source, read)
    if re.search(r"\{%-?\s*extends\b", source):
        raise WritingError(
            "MJML cannot extend a Jinja layout", hint='put shared parts into <mj-include path="…" />'
        )
    tokens = Tokens(source)
    try:
        compiled = mjml2html(_with_raw(tokens))
    except (ValueError, OSError) as error:
        raise WritingError(
            f"it is no MJML: {error}", hint="https://documentation.mjml.io names the elements"
        ) from error
    return tokens.restored(compiled)


def _with_includes(source: str, read: Read) -> str:
    """Put the files in that `mj-include` names, and those that they name."""
    for _ in range(_MOST_INCLUDES):
        source, count = _INCLUDE.subn(lambda match: read((match[1] or match[2]).removeprefix("./")), source)
        if not count:
            return source
    raise WritingError(
        f"mj-include goes on for more than {_MOST_INCLUDES} levels", hint="a file may not include itself"
    )


def _with_raw(tokens: Tokens) -> str:
    """Put each token that stands among elements into an mj-raw of its own."""
    parts: list[str] = []
    open_elements: list[str] = []
    end = 0
    for match in _TAG.finditer(tokens.text):
        parts += [_wrapped(tokens, tokens.text[end : match.start()], open_elements), match[0]]
        end = match.end()
        if match[2] is None:  # a comment
            continue
        if match[1]:
            if match[2] in open_elements:
                del open_elements[len(open_elements) - 1 - open_elements[::-1].index(match[2]) :]
        elif not match[3]:
            open_elements.append(match[2])
    return "".join([*parts, tokens.text[end:]])


def _wrapped(tokens: Tokens, text: str, open_elements: list[str]) -> str:
    if not open_elements or open_elements[-1] not in _STRUCTURE:
        return text
    return re.sub(tokens.pattern, lambda match: f"<mj-raw>{match[0]}</mj-raw>", text)

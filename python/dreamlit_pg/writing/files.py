"""One template file, as it is to be published."""

from __future__ import annotations

from collections.abc import Callable

from dreamlit_pg.writing import css, mjml

HTML_ENDINGS = (".html", ".htm", ".mjml")


def prepare(name: str, text: str, read: Callable[[str], str]) -> str:
    """Return what is published of a template file: HTML of MJML, CSS inlined; other files as they are.

    `read` gives the files that the MJML includes, and raises DefinitionError for one that is not there.
    Raises WritingError for a file that does not compile.
    """
    ending = name.lower()
    if ending.endswith(".mjml"):
        text = mjml.to_html(text, read)
    return css.inline(text) if ending.endswith(HTML_ENDINGS) else text

"""Markdown, which may come from anybody: no HTML of its own, no images, links to the web and to mail only."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from .limits import LimitError
from .optional import library

MAX_MARKDOWN = 100_000  # characters
_TAGS = frozenset(
    {
        *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "em", "strong"),
        *("s", "a", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    }
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = frozenset({"http", "https", "mailto"})
_PARSERS: list[Any] = []


def to_html(text: str) -> Markup:
    """HTML that can do no harm."""
    if len(text) > MAX_MARKDOWN:
        raise LimitError(f"|markdown takes {MAX_MARKDOWN} characters at most")
    html = library("nh3").clean(
        _parser().render(str(text)),
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        url_schemes=set(_SCHEMES),
        link_rel=None,
    )
    return Markup(html.strip())  # noqa: S704 - cleaned


def _parser() -> Any:
    if not _PARSERS:
        made = library("markdown_it").MarkdownIt("commonmark", {"html": False})
        # An image would be fetched from wherever the text says, and tell who opened the message.
        _PARSERS.append(made.enable(["table", "strikethrough"]).disable("image"))
    return _PARSERS[0]

"""The line that inboxes show beside the subject."""

from __future__ import annotations

import re

from markupsafe import escape

from .lines import check_size, storable

MAX_PREHEADER = 1000  # bytes; inboxes show some hundred characters at most

_BODY = re.compile(r"<body(?:\s[^>]*)?>", re.IGNORECASE)
_HIDDEN = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;"
    "opacity:0;overflow:hidden;mso-hide:all"
)
# Without it, inboxes fill the line up with the beginning of the body.
_PADDING = "&#847;&zwnj;&nbsp;" * 60


def preheader(text: str) -> str:
    """The line, its spaces collapsed; raises LimitError."""
    text = " ".join(storable(text, "preheader").split())
    check_size(text, "the preheader", MAX_PREHEADER)
    return text


def with_preheader(html: str | None, line: str) -> str | None:
    """The HTML with the line hidden at the start of its body; an empty line leaves it as it is."""
    if html is None or not line:
        return html
    hidden = f'<div style="{_HIDDEN}">{escape(line)}{_PADDING}</div>'
    body = _BODY.search(html)
    at = body.end() if body else 0
    return html[:at] + hidden + html[at:]

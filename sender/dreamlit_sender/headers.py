"""How a mail's headers are written, stored and folded: what is plain goes out as it is.

`email.policy` parses every header's grammar when it is set, and again when it is read and folded: most of a
message's time. And what it folds is not always what was set: a long word may come after an empty line, which
ends the headers, and an address of a list may be lost. Whoever writes these headers has checked them
already (message.py), so they are texts here, folded between words.
"""

from __future__ import annotations

import re
from email.header import Header
from email.policy import EmailPolicy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.headerregistry import Address

_LINE = 78
# RFC 2047: an encoded word has 75 characters at most, and its line 76, the header's name among them.
_ENCODED_WORD = 60
_WORD = re.compile(r"\s*\S+")
# Long parameters are continued in others, which the library knows (RFC 2231).
_WITH_PARAMETERS = frozenset({"content-type", "content-disposition"})


class HeaderPolicy(EmailPolicy):
    """The SMTP policy, but a header is kept as text, and words of an ASCII one are never torn or encoded.

    The library turns a word longer than a line (the URL of List-Unsubscribe) into encoded words, which no
    mail program reads there.
    """

    def header_max_count(self, name: str) -> None:
        """Return no limit, which would have to be looked up: each is set once."""

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        """Keep the text of a header. Raises ValueError if it is more than a line."""
        if len(value.splitlines()) > 1:
            raise ValueError(f"the header {name} has a line break")
        return name, value

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        """Return a header's text; only the disposition is asked for its parts."""
        return super().header_fetch_parse(name, value) if name.lower() == "content-disposition" else value

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the lines of a header as they are sent."""
        if len(name) + 2 + len(value) > _LINE and name.lower() in _WITH_PARAMETERS:
            return super().fold_binary(name, value)
        text = value if self.utf8 or value.isascii() else _encoded(value)
        return _folded(name, text).encode("utf-8")


# 7 bit throughout, so that the same bytes suit every server; line breaks as SMTP wants them.
POLICY = HeaderPolicy(linesep="\r\n", cte_type="7bit")
POLICY_UTF8 = POLICY.clone(utf8=True)


def listed(addresses: Iterable[Address], *, utf8: bool) -> str:
    """Return addresses as the text of a header; without `utf8` their names are in encoded words."""
    return ", ".join(
        str(one) if utf8 or one.display_name.isascii() else f"{_encoded(one.display_name)} <{one.addr_spec}>"
        for one in addresses
    )


def _encoded(text: str) -> str:
    return Header(text, "utf-8", maxlinelen=_ENCODED_WORD).encode(linesep="")


def _folded(name: str, text: str) -> str:
    """Return the header's lines, broken before words only; a word longer than a line stays whole."""
    if len(name) + 2 + len(text) <= _LINE:
        return f"{name}: {text}\r\n"
    lines = [f"{name}:"]
    for word in _WORD.findall(text):
        piece = word if word[0].isspace() or len(lines[-1]) > len(name) + 1 else f" {word}"
        starts_line = piece[0].isspace() and len(lines[-1]) > len(name) + 1
        if starts_line and len(lines[-1]) + len(piece) > _LINE:
            lines.append(piece)
        else:
            lines[-1] += piece
    return "\r\n".join(lines) + "\r\n"

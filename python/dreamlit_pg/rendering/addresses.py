"""Lists of addresses, in which only the author's commas, quotes and brackets count."""

from __future__ import annotations

import re

from .faults import RefusedError
from .lines import one_line

# The characters that shape a list travel as private-use characters where they are the data's, until the list
# has been taken apart.
_SHAPING = ',;<>"\\()[]:\r\n'
_VEILED = {ord(character): 0xF8E0 + index for index, character in enumerate(_SHAPING)}
_UNVEILED = {veiled: character for character, veiled in zip(_SHAPING, _VEILED.values(), strict=True)}
_HAS_SHAPING = re.compile(r'[,;<>"\\()\[\]:\r\n]')

# What nobody sees in an address came with copying and leads elsewhere: zero-width and direction marks.
_UNSEEN = "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_ATOM = rf"[^\s@<>()\[\],;:\\\".\x00-\x20\x7f{_UNSEEN}]+"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAILBOX = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*|\"(?:[^\"\\\r\n]|\\.)*\")@"
    rf"(?P<domain>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f.:IPvb]+\])"
)
_SIMPLE = re.compile(
    r"[A-Za-z0-9_+-]{1,64}(?:\.[A-Za-z0-9_+-]{1,20}){0,3}@(?:[A-Za-z0-9]{1,20}[.-]){0,6}[A-Za-z0-9]{1,20}"
)
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|<[^<>]*>|[^"\\<>,]+|.', re.DOTALL)
_NEEDS_QUOTES = re.compile(r"[^\w !#$%&'*+/=?^`{|}~-]")


def veil(text: str) -> str:
    """Text of the data, unable to shape a list."""
    return str(text).translate(_VEILED) if _HAS_SHAPING.search(text) else text


def addresses(text: str) -> list[str]:
    """The addresses of a list, each as ``a@b`` or ``Name <a@b>``; raises RefusedError."""
    if _SIMPLE.fullmatch(text):
        return [text]
    # The author's line breaks only fold a long list; those of the data are still veiled, and refused below.
    text = one_line(text.replace("\r", " ").replace("\n", " "), "the address")
    found = []
    for shape in _split(text):
        if "<" in shape:
            found.append(_named(shape))
            continue
        plain = _unveiled(shape)
        # No shape of the author's: the data may be a whole list, or one address with its name.
        found.extend(_named(part) if "<" in part else _bare(part) for part in _split(plain))
    return found


def _unveiled(text: str, what: str = "the address") -> str:
    return one_line(text.translate(_UNVEILED), what)


def _split(text: str) -> list[str]:
    parts = [""]
    for piece in _PIECES.findall(text):
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def _named(shape: str) -> str:
    name, rest = _outside_quotes(shape)
    mailbox, closing, trailing = rest.partition(">")
    if not closing or trailing.strip():
        raise RefusedError("address", f"not an address: {shape.translate(_UNVEILED)!r}")
    address = _bare(_unveiled(mailbox))
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    name = " ".join(_unveiled(name, "the name").split())
    if not name:
        return address
    if _NEEDS_QUOTES.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address}>"


def _outside_quotes(shape: str) -> tuple[str, str]:
    """What stands before and after the first ``<`` that is not in quotes."""
    before = ""
    for piece in _PIECES.findall(shape):
        if piece.startswith("<"):
            return before, shape[len(before) + 1 :]
        before += piece
    return before, ""


def _bare(text: str) -> str:
    found = _MAILBOX.fullmatch(text)
    if found is None or len(found["local"].encode()) > 64 or len(text.encode()) > 254:
        raise RefusedError("address", f"not an address: {text[:100]!r}")
    return text

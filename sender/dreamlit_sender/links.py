"""Signed links: the tokens in them, and how a message's content gets them.

A token is base64url(payload).base64url(signature). The key of the signature is derived from the secret for
one purpose, so a token of an open pixel unsubscribes nobody. The payload is the message's id (8 bytes), and
then for the pages its recipient, for a click the URL. The recipient is encrypted, for links end up in logs;
and it is there at all because the message may be erased or gone when somebody says no. The same message gets
the same links at every attempt (so AES-SIV), or a provider would take a second try for another mail.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html as html_escapes
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.message import UnfitContentError, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dreamlit_sender.secret import Secret

Purpose = Literal["open", "click", "unsubscribe", "preferences"]

UNSUBSCRIBE_PLACEHOLDER = "https://unsubscribe.dreamlit.invalid/"
PREFERENCES_PLACEHOLDER = "https://preferences.dreamlit.invalid/"
SHORTEST_SECRET = 32
_PATHS: Mapping[Purpose, str] = {"open": "o", "click": "c", "unsubscribe": "u", "preferences": "p"}
_LONGEST_URL = 2000
_LONGEST_TOKEN = 4000
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_LINE_END = re.compile("\n")
# One attribute as the HTML standard reads it: a name, then perhaps = and a value in one of three forms.
_ATTRIBUTE = re.compile(
    r"""[\s/]*(?P<name>[^\s/>][^\s/>=]*)(?:\s*=\s*(?P<value>"[^"]*"|'[^']*'|(?!["'])[^\s>]*))?"""
)
_CONDITIONAL = re.compile(r"\s*\[if\b[^\]]*\]>(?P<shown>.*)<!\[endif\]\s*", re.IGNORECASE | re.DOTALL)
_TAG_NAME = re.compile(r"<[^\s/>]+")


class BadTokenError(ValueError):
    """Not a token of ours for this purpose."""


class NoLinksError(ValueError):
    """A message needs links, and the secret or the public URL is missing: ours to mend."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. `recipient` is empty for opens and clicks, `url` for all but clicks."""

    message_id: int
    recipient: str = ""
    url: str = ""


class Signer:
    """Makes and reads tokens. Raises DreamlitError for a secret that is too short to keep them safe."""

    def __init__(self, secret: Secret) -> None:
        value = secret.reveal()
        if len(value) < SHORTEST_SECRET:
            raise DreamlitError(
                f"DREAMLIT_LINK_SECRET has {len(value)} characters, and needs at least {SHORTEST_SECRET}",
                hint="Make one with: openssl rand -hex 32",
            )
        self._keys = {
            purpose: hmac.new(value.encode(), f"dreamlit link {purpose}".encode(), hashlib.sha256).digest()
            for purpose in _PATHS
        }
        self._cipher = AESSIV(hmac.new(value.encode(), b"dreamlit link recipient", hashlib.sha512).digest())

    def sign(self, purpose: Purpose, token: Token) -> str:
        """Return the token as it stands in a link."""
        number = token.message_id.to_bytes(8, "big")
        person = self._cipher.encrypt(token.recipient.encode("utf-8"), [number]) if token.recipient else b""
        payload = number + person + token.url.encode("utf-8")
        return f"{_encode(payload)}.{_encode(self._signature(purpose, payload))}"

    def read(self, purpose: Purpose, text: str) -> Token:
        """Return what the token says. Raises BadTokenError for whatever was not signed for this purpose."""
        head, dot, tail = text.partition(".")
        if len(text) > _LONGEST_TOKEN or not dot:
            raise BadTokenError("no token")
        payload, signature = _decode(head), _decode(tail)
        if not hmac.compare_digest(signature, self._signature(purpose, payload)):
            raise BadTokenError("not signed by us for this")
        number, rest = payload[:8], payload[8:]
        message_id = int.from_bytes(number, "big")
        if purpose == "click":
            return Token(message_id, url=rest.decode("utf-8"))
        if purpose == "open":
            return Token(message_id)
        try:
            return Token(message_id, recipient=self._cipher.decrypt(rest, [number]).decode("utf-8"))
        except (InvalidTag, ValueError):
            raise BadTokenError("no recipient") from None

    def _signature(self, purpose: Purpose, payload: bytes) -> bytes:
        return hmac.new(self._keys[purpose], payload, hashlib.sha256).digest()[:16]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadTokenError("not base64url") from None
    # One token has one spelling: the unused bits of the last character must be what we would write.
    if _encode(data) != text:
        raise BadTokenError("not our spelling")
    return data


class Linker:
    """Puts links into messages. `public_url` is the database's setting, which the lane looks up."""

    def __init__(self, secret: Secret | None, *, sender_from: str | None = None) -> None:
        self._signer = Signer(secret) if secret is not None else None
        self._from = sender_from
        self.public_url: str | None = None

    def needs(self, content: Mapping[str, Any]) -> bool:
        """Whether a message's content cannot go out as it is."""
        return bool(content.get("topic")) or _tracks(content) != (False, False) or _has_placeholder(content)

    def apply(self, message_id: int, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the content with its links and List headers. Raises NoLinksError if they cannot be made."""
        if not self.needs(content):
            return content
        if self._signer is None:
            raise NoLinksError("the message needs links, and DREAMLIT_LINK_SECRET is not set")
        if not self.public_url:
            raise NoLinksError(
                "the message needs links, and the setting public_url is empty: "
                "dreamlit setting set public_url https://…"
            )
        return _Links(self._signer, self.public_url.rstrip("/"), message_id, content).content(self._from)


class _Links:
    """The links of one message."""

    def __init__(self, signer: Signer, public_url: str, message_id: int, content: Mapping[str, Any]) -> None:
        recipients = content.get("to") or []
        recipient = recipients if isinstance(recipients, str) else str(next(iter(recipients), ""))
        person = Token(message_id, recipient=recipient)
        self._signer, self._base, self._content = signer, public_url, content
        self._message_id = message_id
        self._unsubscribe = self._link("unsubscribe", person)
        self._preferences = self._link("preferences", person)

    def content(self, default_from: str | None) -> dict[str, Any]:
        """Return the whole content with its links."""
        changed = dict(self._content)
        opens, clicks = _tracks(self._content)
        html = self._content.get("html")
        if isinstance(html, str):
            if clicks:
                html = rewrite_links(html, self._click)
            if opens:
                html = add_pixel(html, self._link("open", Token(self._message_id)) + ".gif")
            changed["html"] = self._replaced(html)
        if isinstance(self._content.get("text"), str):
            changed["text"] = self._replaced(self._content["text"])
        if self._content.get("topic"):
            changed["headers"] = self._headers(default_from)
        return changed

    def _link(self, purpose: Purpose, token: Token) -> str:
        return f"{self._base}/{_PATHS[purpose]}/{self._signer.sign(purpose, token)}"

    def _click(self, url: str) -> str:
        return self._link("click", Token(self._message_id, url=url))

    def _replaced(self, text: str) -> str:
        return text.replace(UNSUBSCRIBE_PLACEHOLDER, self._unsubscribe).replace(
            PREFERENCES_PLACEHOLDER, self._preferences
        )

    def _headers(self, default_from: str | None) -> dict[str, str]:
        ours = {
            "List-Unsubscribe": f"<{self._unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": f"<{_label(str(self._content['topic']))}.{self._domain(default_from)}>",
        }
        names = {name.lower() for name in ours}
        given = self._content.get("headers") or {}
        return {name: value for name, value in given.items() if name.lower() not in names} | ours

    def _domain(self, default_from: str | None) -> str:
        try:
            return parse_address("from", self._content.get("from") or default_from).domain.lower()
        except UnfitContentError:
            return urlsplit(self._base).hostname or "localhost"


def _label(topic: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", topic.lower()).strip("-")[:60] or "topic"


def _tracks(content: Mapping[str, Any]) -> tuple[bool, bool]:
    track = content.get("track")
    if not isinstance(track, dict) or not isinstance(content.get("html"), str):
        return False, False
    return track.get("opens") is True, track.get("clicks") is True


def _has_placeholder(content: Mapping[str, Any]) -> bool:
    bodies = (content.get("html"), content.get("text"))
    return any(
        placeholder in body
        for body in bodies
        if isinstance(body, str)
        for placeholder in (UNSUBSCRIBE_PLACEHOLDER, PREFERENCES_PLACEHOLDER)
    )


# HTML: everything but the addresses of links keeps its bytes, so only positions are taken from the parser.


@dataclass(frozen=True, slots=True)
class _Tag:
    start: int
    text: str
    attributes: Sequence[tuple[str, str | None]]


class _Finder(HTMLParser):
    """Finds the links of a document and its last </body>."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[_Tag] = []
        self.body_end: int | None = None
        self._lines = [0, *(match.end() for match in _LINE_END.finditer(html))]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(_Tag(self._position(), self.get_starttag_text() or "", attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == "body":
            self.body_end = self._position()

    def handle_comment(self, data: str) -> None:
        # What stands in a conditional comment is shown by Outlook.
        if found := _CONDITIONAL.fullmatch(data):
            start = self._position() + len("<!--") + found.start("shown")
            self.links += [replace(tag, start=start + tag.start) for tag in _Finder(found["shown"]).links]

    def _position(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def rewrite_links(html: str, link_to: Callable[[str], str]) -> str:
    """Return the document with the http(s) address of every <a href> replaced by `link_to(address)`.

    Left alone: the placeholders, links with data-track="off", and addresses too long for a link of ours.
    """
    pieces, done = [], 0
    for tag in _Finder(html).links:
        if tag.start < done or not html.startswith(tag.text, tag.start):
            continue
        url = _address(tag.attributes)
        span = _href(tag.text)
        if url is None or span is None or html_escapes.unescape(_bare(tag.text[slice(*span)])).strip() != url:
            continue
        start, end = tag.start + span[0], tag.start + span[1]
        pieces += [html[done:start], '"', html_escapes.escape(link_to(url)), '"']
        done = end
    return "".join((*pieces, html[done:]))


def add_pixel(html: str, url: str) -> str:
    """Return the document with an invisible image before its last </body>, or at its end."""
    end = _Finder(html).body_end
    place = len(html) if end is None else end
    image = (
        f'<img src="{html_escapes.escape(url)}" width="1" height="1" alt="" '
        'style="display:block;width:1px;height:1px;border:0">'
    )
    return html[:place] + image + html[place:]


def _address(attributes: Sequence[tuple[str, str | None]]) -> str | None:
    """Return the address to replace, None if the link is to stay as it is."""
    first = dict(reversed(attributes))
    url = (first.get("href") or "").strip()
    if (first.get("data-track") or "").strip().lower() == "off" or not may_redirect(url):
        return None
    return None if url.startswith((UNSUBSCRIBE_PLACEHOLDER, PREFERENCES_PLACEHOLDER)) else url


def may_redirect(url: str) -> bool:
    """Whether this is an address that a redirect of ours may lead to."""
    if _UNSAFE.search(url) or len(url.encode()) > _LONGEST_URL:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _href(tag: str) -> tuple[int, int] | None:
    """Return where the value of the first href stands in a start tag."""
    name = _TAG_NAME.match(tag)
    place = name.end() if name else len(tag)
    while (found := _ATTRIBUTE.match(tag, place)) and found.end() > place:
        if found["name"].lower() == "href":
            return found.span("value") if found["value"] else None
        place = found.end()
    return None


def _bare(value: str) -> str:
    return value[1:-1] if value[:1] in ('"', "'") else value

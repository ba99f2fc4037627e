"""From a message's content to its checked parts, and from these to MIME bytes and an envelope."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import idna
from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from dreamlit_sender.attachments import Attachment, AttachmentError, read_attachments
from dreamlit_sender.calendar import CalendarError, icalendar, method_of
from dreamlit_sender.headers import POLICY, POLICY_UTF8, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PLAIN = ParserConfig(display_links=True, display_images=False)
_LAYOUT_TABLE = 'role="presentation"'
_EMPTY_LINES = re.compile(r"\n{3,}")
_NAME = re.compile(r"[!-9;-~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN_MAILBOX = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9.-]+")
_LOCAL_FORBIDDEN = re.compile(r'[\s()<>\[\]:;@\\,"\x00-\x1f\x7f]')
# The sender writes these itself: a second one, or another value, would change what the message is.
_RESERVED = frozenset(
    {"from", "to", "cc", "bcc", "reply-to", "return-path", "subject", "date", "message-id", "mime-version"}
    | {"content-type", "content-transfer-encoding", "content-disposition", "content-id"}
)


class UnfitContentError(ValueError):
    """The content cannot become a message, now or later: the fault is the recipient's, `code` says which."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Parts:
    """A message's content, checked: nothing in it can break out of its header. `text` is always there.

    `origin` is the name of its database where that has one.
    """

    message_id: int
    identifier: str
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    headers: Mapping[str, str]
    text: str
    html: str | None
    attachments: tuple[Attachment, ...] = ()
    calendar: str | None = None
    calendar_method: str = "REQUEST"
    origin: str | None = None

    @property
    def marks(self) -> dict[str, str]:
        """What a provider is told of the message, and tells again in its webhooks."""
        marks = {"dreamlit_message": str(self.message_id)}
        return marks if self.origin is None else {**marks, "dreamlit_database": self.origin}

    @property
    def files(self) -> tuple[Attachment, ...]:
        """The attachments as an API takes them, the invitation among them."""
        if self.calendar is None:
            return self.attachments
        return (*self.attachments, Attachment("invite.ics", "text/calendar", self.calendar.encode("utf-8")))

    @property
    def needs_utf8(self) -> bool:
        """Whether a mailbox has a name outside ASCII, for which there is no other spelling."""
        everyone = (self.sender, *self.to, *self.cc, *self.bcc, *self.reply_to)
        return not all(address.username.isascii() for address in everyone)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message ready for SMTP: its bytes (CRLF, 7 bit unless `needs_utf8`) and its envelope."""

    data: bytes
    sender: str
    to: tuple[str, ...]
    copies: tuple[str, ...]
    message_id: str
    needs_utf8: bool


def build_mail(
    message_id: int,
    content: Mapping[str, Any],
    *,
    default_from: str | None,
    key: str | None = None,
    now: datetime | None = None,
) -> Mail:
    """Return the mail for one message. Raises UnfitContentError if it cannot be sent, NoSenderError.

    `key` stands in the Message-ID; None: the message's id.
    """
    return mail_of(read_parts(message_id, content, default_from=default_from, key=key), now=now)


def read_parts(
    message_id: int, content: Mapping[str, Any], *, default_from: str | None, key: str | None = None
) -> Parts:
    """Return one message's checked parts. Raises UnfitContentError if it cannot be sent, NoSenderError."""
    sender = _sender(content.get("from") or default_from)
    to, cc = _addresses("to", content.get("to")), _addresses("cc", content.get("cc"))
    bcc, reply_to = _addresses("bcc", content.get("bcc")), _addresses("reply_to", content.get("reply_to"))
    if not to:
        raise UnfitContentError("address", "to is empty")
    text, html = _body_text(content.get("text")), _body_text(content.get("html"))
    identifier = f"<dreamlit.{key or message_id}@{sender.domain}>"
    calendar, method = _calendar(content, identifier, sender, to)
    return Parts(
        message_id=message_id,
        identifier=identifier,
        sender=sender,
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=reply_to,
        subject=_header_value("subject", content.get("subject") or ""),
        headers=_headers(content.get("headers") or {}),
        text=plain_text(html) if text is None and html is not None else text or "",
        html=html,
        attachments=_attachments(content),
        calendar=calendar,
        calendar_method=method,
    )


def _attachments(content: Mapping[str, Any]) -> tuple[Attachment, ...]:
    if not content.get("attachments"):
        return ()
    try:
        return read_attachments(content)
    except AttachmentError as error:
        raise UnfitContentError("attachment", str(error)) from error


def _calendar(
    content: Mapping[str, Any], identifier: str, sender: Address, to: tuple[Address, ...]
) -> tuple[str | None, str]:
    entry = content.get("calendar")
    if not entry:
        return None, "REQUEST"
    organizer = parse_address("organizer", entry["organizer"]) if entry.get("organizer") else sender
    try:
        made = icalendar(
            entry,
            identifier=identifier.strip("<>"),
            organizer=mailbox_of(organizer),
            attendees=[mailbox_of(address) for address in to],
        )
        return made, method_of(entry)
    except CalendarError as error:
        raise UnfitContentError("calendar", str(error)) from error


def mail_of(parts: Parts, *, now: datetime | None = None) -> Mail:
    """Return the parts as a mail."""
    mail = EmailMessage(policy=POLICY_UTF8 if parts.needs_utf8 else POLICY)
    for name, addresses in (
        ("From", (parts.sender,)),
        ("To", parts.to),
        ("Cc", parts.cc),
        ("Reply-To", parts.reply_to),
    ):
        if addresses:
            mail[name] = listed(addresses, utf8=parts.needs_utf8)
    mail["Subject"] = parts.subject
    mail["Date"] = format_datetime(now or datetime.now(UTC))
    mail["Message-ID"] = parts.identifier
    for name, value in parts.headers.items():
        mail[name] = value
    mail.set_content(parts.text)
    if parts.html is not None:
        mail.add_alternative(parts.html, subtype="html")
    _attach(mail, parts)
    _part_by_chance(mail)
    envelope_to = _envelope(parts.to)
    return Mail(
        data=mail.as_bytes(),
        sender=mailbox_of(parts.sender),
        to=envelope_to,
        copies=tuple(mailbox for mailbox in _envelope((*parts.cc, *parts.bcc)) if mailbox not in envelope_to),
        message_id=parts.identifier,
        needs_utf8=parts.needs_utf8,
    )


def _attach(mail: EmailMessage, parts: Parts) -> None:
    """Pictures go with the HTML that shows them, the invitation beside it, files below all of it."""
    page = mail.get_body(("html",)) if parts.html is not None else None
    for one in parts.attachments:
        if one.cid and page is not None:
            main, _, sub = one.type.partition("/")
            page.add_related(one.data, main, sub, cid=f"<{one.cid}>", filename=one.name, disposition="inline")
    if parts.calendar is not None:
        mail.add_alternative(
            parts.calendar, subtype="calendar", cte="base64", params={"method": parts.calendar_method}
        )
    for one in parts.attachments:
        if not one.cid or page is None:
            main, _, sub = one.type.partition("/")
            mail.add_attachment(one.data, main, sub, filename=one.name)


def _part_by_chance(mail: EmailMessage) -> None:
    """Give each multipart a boundary that no text can know; the library would look for one, part by part."""
    for part in mail.walk():
        if part.is_multipart():
            part.set_boundary(f"=_{secrets.token_hex(12)}")


class NoSenderError(ValueError):
    """Neither the content nor the configuration names a usable From: ours to mend."""


def _sender(text: Any) -> Address:
    if not text:
        raise NoSenderError("the message has no From and DREAMLIT_FROM is not set")
    return parse_address("from", text)


def _addresses(field: str, values: Any) -> tuple[Address, ...]:
    if isinstance(values, str):
        values = [values]
    return tuple(parse_address(field, value) for value in values or ())


def parse_address(field: str, text: Any) -> Address:
    """Return the one address in `Name <a@b>` or `a@b`, its domain in ASCII. Raises UnfitContentError."""
    if not isinstance(text, str):
        raise UnfitContentError("address", f"{field}: an address must be a string")
    return _parsed(field, text)


@lru_cache(maxsize=1024)  # a sender writes from one address, and often to the same people
def _parsed(field: str, text: str) -> Address:
    _header_value(field, text)
    pairs = [("", text)] if _PLAIN_MAILBOX.fullmatch(text) else getaddresses([text])
    pairs = [pair for pair in pairs if pair != ("", "")]
    if len(pairs) != 1:
        raise UnfitContentError("address", f"{field}: {text!r} is not one address")
    name, mailbox = pairs[0]
    bare = text.strip()
    # The library reads "a@exa mple.org" as a@example.org: somebody else's address.
    if not (bare.endswith(f"<{mailbox}>") if bare.endswith(">") else bare == mailbox):
        raise UnfitContentError("address", f"{field}: {text!r} is not an address")
    local, _, domain = mailbox.rpartition("@")
    if not local or not domain or _LOCAL_FORBIDDEN.search(local):
        raise UnfitContentError("address", f"{field}: {text!r} is not an address")
    try:
        return Address(name, local, _ascii_domain(domain))
    except (ValueError, UnicodeError) as error:
        raise UnfitContentError("address", f"{field}: {text!r} is not an address: {error}") from error


def _ascii_domain(domain: str) -> str:
    if domain.startswith("[") and domain.endswith("]") and re.fullmatch(r"\[[0-9A-Za-z:.]+\]", domain):
        return domain
    if domain.isascii():
        if re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", domain) and ".." not in domain:
            return domain
        raise ValueError("bad domain")
    return idna.encode(domain, uts46=True).decode("ascii")


def mailbox_of(address: Address) -> str:
    """Return the bare address, as it stands in an envelope."""
    return f"{address.username}@{address.domain}"


def _envelope(addresses: Iterable[Address]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mailbox_of(address) for address in addresses))


def _header_value(field: str, text: Any) -> str:
    if not isinstance(text, str):
        raise UnfitContentError("header", f"{field}: a header must be a string")
    # splitlines also knows U+0085, U+2028 and their like, which the e-mail library would break lines at.
    if _CONTROL.search(text) or len(text.splitlines()) > 1:
        raise UnfitContentError("header", f"{field}: line breaks and control characters are not allowed")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnfitContentError("header", f"{field}: not valid Unicode text") from error
    return text


def _headers(headers: Mapping[str, Any]) -> dict[str, str]:
    for name in headers:
        if not _NAME.fullmatch(name) or name.lower() in _RESERVED:
            raise UnfitContentError("header", f"the header {name!r} cannot be set here")
    return {name: _header_value(name, value) for name, value in headers.items()}


def _body_text(value: Any) -> str | None:
    return (
        None if value is None else str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    )


def plain_text(html: str) -> str:
    """Return a readable text version of an HTML body, links written out."""
    lines = [line.rstrip() for line in str(get_text(html, _PLAIN)).split("\n")]
    if _LAYOUT_TABLE in html:  # what such tables indent is no more indented for a reader
        lines = [line.lstrip() for line in lines]
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip() + "\n"

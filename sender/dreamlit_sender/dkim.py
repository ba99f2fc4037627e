"""DKIM signatures for plain SMTP; providers with an API sign themselves.

RFC 6376 for the signature, RFC 8058 section 4 for what it must cover: List-Unsubscribe and
List-Unsubscribe-Post, or mail programs offer no one-click unsubscribing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

import dkim

from dreamlit_pg.errors import DreamlitError

if TYPE_CHECKING:
    from dreamlit_sender.message import Mail
    from dreamlit_sender.secret import Secret

_COVERED = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding"),
    *("list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post"),
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DkimConfig:
    """The domain that signs, the selector of its public key in DNS, and the RSA private key in PEM."""

    domain: str
    selector: str
    key: Secret


def check_dkim(config: DkimConfig) -> DkimConfig:
    """Return the configuration. Raises DreamlitError if it cannot sign."""
    for name, value in (("DOMAIN", config.domain), ("SELECTOR", config.selector)):
        if not all(_LABEL.fullmatch(label) for label in value.split(".")):
            raise DreamlitError(f"DREAMLIT_DKIM_{name} must be a name in DNS, not {value!r}")
    try:
        _signature(b"From: x@example.com\r\n\r\n", [b"from"], config)
    except (dkim.DKIMException, ValueError):
        # The library's own words would repeat the key.
        raise DreamlitError(
            "DREAMLIT_DKIM_KEY_FILE is not an RSA private key in PEM",
            hint="Make one with: openssl genrsa -out dkim.pem 2048",
        ) from None
    return config


def signed(mail: Mail, config: DkimConfig) -> Mail:
    """Return the mail with a signature before its headers; as it is if its From is of another domain.

    The signature of a domain that is not the From's proves nothing that a receiver asks for (DMARC).
    """
    domain = mail.sender.rpartition("@")[2].lower()
    if domain != config.domain and not domain.endswith(f".{config.domain}"):
        return mail
    present = {name.lower() for name in BytesHeaderParser().parsebytes(mail.data)}
    names = [name.encode("ascii") for name in _COVERED if name in present]
    # Named once more than it is there, so that nobody can add a second one.
    names.append(b"from")
    return replace(mail, data=_signature(mail.data, names, config) + mail.data)


def _signature(data: bytes, names: list[bytes], config: DkimConfig) -> bytes:
    signature: bytes = dkim.sign(
        data,
        config.selector.encode("ascii"),
        config.domain.encode("ascii"),
        config.key.reveal().encode("ascii"),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=names,
    )
    return signature

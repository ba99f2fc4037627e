"""Whether a webhook really comes from the provider.

Sources: https://docs.svix.com/receiving/verifying-payloads/how-manual (Resend signs with Svix),
https://postmarkapp.com/developer/webhooks/webhooks-overview (basic auth),
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html,
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features,
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from dreamlit_pg.errors import DreamlitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dreamlit_sender.secret import Secret


_SVIX_TOLERANCE = 5 * 60
# Mailgun repeats for eight hours what was not answered with 200.
_MAILGUN_TOLERANCE = 10 * 3600
_REMEMBERED = 100_000
_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:[\w-]+(\.fifo)?")
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?")
_SNS_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}


class BadSignatureError(ValueError):
    """The request is not the provider's, or too old."""


class Verifier(Protocol):
    """Knows one provider's requests."""

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the request is the provider's.

        Raises BadSignatureError, OSError or httpx.HTTPError if that cannot be found out now.
        """
        ...


class ResendVerifier:
    """Svix: HMAC-SHA256 over id, timestamp and body; one of several signatures must fit."""

    def __init__(self, secret: Secret, *, clock: Callable[[], float] = time.time) -> None:
        self._key = _base64(secret.reveal().removeprefix("whsec_"))
        self._clock = clock

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the request is the provider's. Raises BadSignatureError."""
        number, stamp = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
        _check_age(stamp, self._clock(), _SVIX_TOLERANCE)
        signed = b".".join([number.encode("latin-1"), stamp.encode("latin-1"), body])
        expected = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest())
        given = [entry.partition(",") for entry in headers.get("svix-signature", "").split()]
        fits = [
            hmac.compare_digest(expected, signature.encode("latin-1"))
            for version, _, signature in given[:20]
            if version == "v1"
        ]
        if not number or not any(fits):
            raise BadSignatureError("svix-signature")


class PostmarkVerifier:
    """Basic auth, as it stands in the webhook's URL: the secret is user:password."""

    def __init__(self, secret: Secret) -> None:
        self._expected = secret.reveal().encode("utf-8")

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002
        """Return if the request is the provider's. Raises BadSignatureError."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        try:
            login = base64.b64decode(given.strip(), validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            login = b""
        if not hmac.compare_digest(login, self._expected):
            raise BadSignatureError("basic auth")


class SesVerifier:
    """SNS: RSA by a certificate of Amazon's; the secret is the topic's ARN, which is none, but says whose.

    `fetch` gets the certificate; it is kept by its address.
    """

    def __init__(self, secret: Secret, *, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._topic = secret.reveal()
        self._fetch = fetch
        self._keys: OrderedDict[str, rsa.RSAPublicKey] = OrderedDict()

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002
        """Return if the request is SNS's, for the topic. Raises as the protocol says."""
        envelope = _object(body)
        fields = _SNS_FIELDS.get(str(envelope.get("Type")))
        if fields is None or envelope.get("TopicArn") != self._topic:
            raise BadSignatureError("another type or topic")
        algorithm: hashes.HashAlgorithm
        match envelope.get("SignatureVersion"):
            case "1":
                algorithm = hashes.SHA1()  # noqa: S303 - the provider's choice, until the topic is set to 2
            case "2":
                algorithm = hashes.SHA256()
            case _:
                raise BadSignatureError("SignatureVersion")
        present = [name for name in fields if isinstance(envelope.get(name), str)]
        if set(fields) - set(present) - {"Subject"}:
            raise BadSignatureError("fields are missing")
        text = "".join(f"{name}\n{envelope[name]}\n" for name in present)
        key = await self._key(str(envelope.get("SigningCertURL", "")))
        try:
            key.verify(
                _decoded(str(envelope.get("Signature", ""))),
                text.encode("utf-8"),
                padding.PKCS1v15(),
                algorithm,
            )
        except InvalidSignature:
            raise BadSignatureError("Signature") from None

    async def _key(self, url: str) -> rsa.RSAPublicKey:
        if not is_of_sns(url) or not urlsplit(url).path.endswith(".pem"):
            raise BadSignatureError("SigningCertURL")
        if url not in self._keys:
            try:
                key = x509.load_pem_x509_certificate(await self._fetch(url)).public_key()
            except ValueError:
                raise BadSignatureError("certificate") from None
            if not isinstance(key, rsa.RSAPublicKey):
                raise BadSignatureError("certificate")
            self._keys[url] = key
            if len(self._keys) > 16:
                self._keys.popitem(last=False)
        return self._keys[url]


class SendgridVerifier:
    """ECDSA over timestamp and body; the secret is the public key that SendGrid shows."""

    def __init__(self, secret: Secret) -> None:
        self._key = _public_key(secret.reveal())

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the request is the provider's. Raises BadSignatureError."""
        stamp = headers.get("x-twilio-email-event-webhook-timestamp", "")
        signature = headers.get("x-twilio-email-event-webhook-signature", "")
        try:
            self._key.verify(_decoded(signature), stamp.encode("latin-1") + body, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise BadSignatureError("signature") from None


class MailgunVerifier:
    """HMAC-SHA256 over timestamp and token, which says nothing of the body: a token serves one body only."""

    def __init__(self, secret: Secret, *, clock: Callable[[], float] = time.time) -> None:
        self._key = secret.reveal().encode("utf-8")
        self._clock = clock
        self._seen: OrderedDict[str, bytes] = OrderedDict()

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002
        """Return if the request is the provider's. Raises BadSignatureError."""
        signature = _object(body).get("signature")
        if not isinstance(signature, dict):
            raise BadSignatureError("no signature")
        stamp, token = str(signature.get("timestamp", "")), str(signature.get("token", ""))
        _check_age(stamp, self._clock(), _MAILGUN_TOLERANCE)
        expected = hmac.new(self._key, _utf8(stamp + token), hashlib.sha256).hexdigest()
        if not token or not hmac.compare_digest(
            expected.encode(), _utf8(str(signature.get("signature", "")))
        ):
            raise BadSignatureError("signature")
        digest = hashlib.sha256(body).digest()
        if self._seen.setdefault(token, digest) != digest:
            raise BadSignatureError("the token came with another body")
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def is_of_sns(url: str) -> bool:
    """Whether this is an https address of SNS itself."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    plain = parts.scheme == "https" and port in (None, 443) and parts.username is None
    return plain and _SNS_HOST.fullmatch(host) is not None


def build_verifier(provider: str, secret: Secret, *, fetch: Callable[[str], Awaitable[bytes]]) -> Verifier:
    """Return the verifier of one of WEBHOOKS."""
    return SesVerifier(secret, fetch=fetch) if provider == "ses" else _VERIFIERS[provider](secret)


def check_secret(provider: str, secret: Secret) -> Secret:
    """Return the secret. Raises DreamlitError, which does not repeat it, if no request could fit it."""
    name, text = f"DREAMLIT_WEBHOOK_{provider.upper()}", secret.reveal()
    try:
        if provider == "resend" and len(_base64(text.removeprefix("whsec_"))) < 16:
            raise DreamlitError(f"{name} is too short", hint="Copy the signing secret: whsec_…")
        if provider == "postmark" and (not text.partition(":")[0] or len(text.partition(":")[2]) < 16):
            raise DreamlitError(
                f"{name} must be user:password, the password with at least 16 characters",
                hint="Put the same two before the @ of the webhook's URL at Postmark.",
            )
        if provider == "ses" and not _ARN.fullmatch(text):
            raise DreamlitError(
                f"{name} must be the ARN of the SNS topic", hint="arn:aws:sns:REGION:ACCOUNT:NAME"
            )
        if provider == "sendgrid":
            _public_key(text)
        if provider == "mailgun" and len(text) < 16:
            raise DreamlitError(f"{name} is too short", hint="Copy the HTTP webhook signing key.")
    except ValueError:
        raise DreamlitError(
            f"{name} is no key of {provider}", hint="Copy it again, whole, from the provider's page."
        ) from None
    return secret


_VERIFIERS: Mapping[str, Callable[[Secret], Verifier]] = {
    "resend": ResendVerifier,
    "postmark": PostmarkVerifier,
    "sendgrid": SendgridVerifier,
    "mailgun": MailgunVerifier,
}
WEBHOOKS = ("resend", "postmark", "ses", "sendgrid", "mailgun")


def _check_age(stamp: str, now: float, tolerance: float) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13 and abs(now - int(stamp)) <= tolerance):
        raise BadSignatureError("timestamp")


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSignatureError("no JSON") from None
    if not isinstance(document, dict):
        raise BadSignatureError("no JSON object")
    return document


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadSignatureError("signature") from None


def _public_key(text: str) -> ec.EllipticCurvePublicKey:
    key = serialization.load_der_public_key(_base64("".join(re.sub(r"-----[^-]*-----", "", text).split())))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("no key on P-256")  # noqa: TRY004 - not the kind of value, but the key itself is wrong
    return key

"""Amazon SES, API version 2.

Sources: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (fields, error types),
https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html,
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html (no mailboxes outside ASCII),
https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html,
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html,
https://docs.aws.amazon.com/ses/latest/dg/header-fields.html (SES overwrites Message-ID and Date).

The message goes as raw MIME, the same bytes as over SMTP, so that every header arrives. SES has no
idempotency key, and its batches take templates only. Most refusals are 400: their type tells them apart.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dreamlit_sender import web
from dreamlit_sender.message import mail_of, mailbox_of
from dreamlit_sender.providers.http import ApiRequest, by_status, failed, json_content
from dreamlit_sender.providers.sigv4 import Signer
from dreamlit_sender.transport import Fault, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from dreamlit_sender.message import Parts
    from dreamlit_sender.providers.settings import SesSettings

_NAME = "ses"
_FAULTS: Mapping[str, Fault] = {
    "BadRequestException": "recipient",
    "MessageRejected": "recipient",
    "ValidationError": "recipient",
    "ValidationException": "recipient",
    "SerializationException": "recipient",
    "RequestEntityTooLargeException": "recipient",
    "AccountSuspendedException": "configuration",
    "SendingPausedException": "configuration",
    "MailFromDomainNotVerifiedException": "configuration",
    "NotFoundException": "configuration",  # the configuration set
    "LimitExceededException": "configuration",
    "AccessDenied": "configuration",
    "AccessDeniedException": "configuration",
    "ExpiredToken": "configuration",
    "ExpiredTokenException": "configuration",
    "IncompleteSignature": "configuration",
    "IncompleteSignatureException": "configuration",
    "InvalidClientTokenId": "configuration",
    "InvalidSignatureException": "configuration",
    "MissingAuthenticationToken": "configuration",
    "MissingAuthenticationTokenException": "configuration",
    "NotAuthorized": "configuration",
    "OptInRequired": "configuration",
    "RequestExpired": "configuration",  # our clock is wrong
    "SignatureDoesNotMatch": "configuration",
    "UnrecognizedClientException": "configuration",
    "MalformedHttpRequestException": "configuration",
    "UnknownOperationException": "configuration",
    "TooManyRequestsException": "transient",
    "Throttling": "transient",
    "ThrottlingException": "transient",
    "RequestTimeoutException": "transient",
    "ServiceUnavailable": "transient",
    "ServiceUnavailableException": "transient",
    "RequestAbortedException": "unknown",
    "InternalFailure": "unknown",
    "InternalServerException": "unknown",
    "InternalServiceErrorException": "unknown",
}


class SesApi:
    """https://email.REGION.amazonaws.com."""

    name = _NAME
    keyed = False
    ascii_only = True

    def __init__(
        self,
        settings: SesSettings,
        *,
        url: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url or f"https://email.{settings.region}.amazonaws.com"
        self._configuration_set = settings.configuration_set
        self._clock = clock
        self._signer = Signer(
            settings.region, "ses", settings.access_key_id, settings.secret_access_key, settings.session_token
        )

    def request(self, parts: Parts, key: str) -> ApiRequest:  # noqa: ARG002 - there are no keys here
        """Return the signed request for one message."""
        destination = {
            field: [mailbox_of(address) for address in addresses]
            for field, addresses in (
                ("ToAddresses", parts.to),
                ("CcAddresses", parts.cc),
                ("BccAddresses", parts.bcc),
            )
            if addresses
        }
        document: dict[str, Any] = {
            "Content": {"Raw": {"Data": base64.b64encode(mail_of(parts).data).decode("ascii")}},
            "Destination": destination,
            "EmailTags": [{"Name": name, "Value": text} for name, text in parts.marks.items()],
        }
        if self._configuration_set is not None:
            document["ConfigurationSetName"] = self._configuration_set
        content = json_content(document)
        url = f"{self._url}/v2/email/outbound-emails"
        headers = {"Content-Type": "application/json"}
        return ApiRequest(
            url, content, self._signer.sign("POST", url, headers, content, now=self._clock().astimezone(UTC))
        )

    def outcome(self, response: httpx.Response) -> Outcome:
        """Return what the answer means."""
        answer = web.json_object(response)
        if response.is_success and answer is not None and isinstance(answer.get("MessageId"), str):
            return Outcome.sent(provider=_NAME, provider_id=answer["MessageId"])
        kind = _kind(response, answer or {})
        message = str((answer or {}).get("message") or (answer or {}).get("Message") or "")
        fault = _FAULTS.get(kind)
        if fault is None:
            return by_status(_NAME, response, f"{kind}: {message}" if kind else message)
        words = message.lower()
        if kind == "MessageRejected" and "not verified" in words:
            # Our address, or in the sandbox anybody's: either way the account is to be mended.
            fault = "configuration"
        elif fault == "transient" and "daily" in words:
            # The day's quota is used up: the channel waits, no attempt is used up.
            fault = "configuration"
        return failed(_NAME, fault, kind, f"{kind}: {message}", response)


def _kind(response: httpx.Response, answer: Mapping[str, Any]) -> str:
    """Return the error's type, which stands in a header or the body, a namespace or a URL around it."""
    text = response.headers.get("x-amzn-ErrorType") or answer.get("__type") or answer.get("code") or ""
    return str(text).split(":", 1)[0].rsplit("#", 1)[-1]

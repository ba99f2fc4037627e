"""Postmark.

Sources: https://postmarkapp.com/developer/api/email-api (fields, batches of 500 with an answer for each),
https://postmarkapp.com/developer/api/overview (HTTP codes and error codes),
https://postmarkapp.com/support/article/1180-what-does-errorcode-300-mean,
https://postmarkapp.com/developer/user-guide/send-email-with-smtp (X-PM-KeepID keeps our Message-ID).

Postmark has no idempotency key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dreamlit_sender import web
from dreamlit_sender.providers.http import ApiRequest, by_status, failed, json_content
from dreamlit_sender.transport import Fault, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from dreamlit_sender.message import Parts
    from dreamlit_sender.providers.settings import PostmarkSettings

_NAME = "postmark"
_FAULTS: Mapping[int, Fault] = {
    10: "configuration",  # bad or missing token
    100: "transient",  # maintenance
    300: "recipient",  # invalid email request
    400: "configuration",  # sender signature not found
    401: "configuration",  # sender signature not confirmed
    402: "recipient",  # invalid JSON
    403: "recipient",  # incompatible JSON
    405: "configuration",  # out of credits
    406: "recipient",  # inactive recipient
    409: "configuration",  # JSON required
    410: "recipient",  # too many messages in a batch
    411: "recipient",  # forbidden attachment type
    412: "configuration",  # the account is pending: it may send within its own domain only
    413: "configuration",  # the account may not send
    429: "transient",  # rate limit
    1235: "configuration",  # no such message stream
    1236: "configuration",  # a message stream that cannot send
}
_OUR_ADDRESS = re.compile(r"['\"]?\b(From|Sender)\b['\"]? (address|signature)", re.IGNORECASE)
_SOME_INACTIVE = "will not deliver"


class PostmarkApi:
    """https://api.postmarkapp.com."""

    name = _NAME
    keyed = False
    ascii_only = True
    largest_batch = 500
    files_in_batches = True

    def __init__(self, settings: PostmarkSettings, *, url: str | None = None) -> None:
        self._url = url or "https://api.postmarkapp.com"
        self._settings = settings

    def request(self, parts: Parts, key: str) -> ApiRequest:  # noqa: ARG002 - there are no keys here
        """Return the request that sends one message."""
        return ApiRequest(f"{self._url}/email", json_content(self._email(parts)), self._headers())

    def batch_request(self, parts: Sequence[Parts], key: str) -> ApiRequest:  # noqa: ARG002
        """Return the request that sends several."""
        emails = [self._email(one) for one in parts]
        return ApiRequest(f"{self._url}/email/batch", json_content(emails), self._headers())

    def outcome(self, response: httpx.Response) -> Outcome:
        """Return what the answer about one message means."""
        answer = web.json_object(response)
        return by_status(_NAME, response) if answer is None else _outcome(answer, response)

    def batch_outcomes(self, response: httpx.Response, size: int) -> list[Outcome] | Outcome:
        """Return what each of the answers means; the status is 200 though some are refusals."""
        answers = web.json_value(response)
        if isinstance(answers, dict):
            return _outcome(answers, response)
        if not isinstance(answers, list) or not response.is_success or len(answers) != size:
            return by_status(_NAME, response)
        return [
            _outcome(answer, response) if isinstance(answer, dict) else by_status(_NAME, response)
            for answer in answers
        ]

    def _email(self, parts: Parts) -> dict[str, Any]:
        # Without the second header Postmark puts a Message-ID of its own in the place of ours.
        headers = {**parts.headers, "Message-ID": parts.identifier, "X-PM-KeepID": "true"}
        email: dict[str, Any] = {
            "From": str(parts.sender),
            "To": ", ".join(map(str, parts.to)),
            "Subject": parts.subject,
            "TextBody": parts.text,
            "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
            "Metadata": parts.marks,
        }
        for field, addresses in (("Cc", parts.cc), ("Bcc", parts.bcc), ("ReplyTo", parts.reply_to)):
            if addresses:
                email[field] = ", ".join(map(str, addresses))
        if parts.html is not None:
            email["HtmlBody"] = parts.html
        if parts.files:
            email["Attachments"] = [
                {"Name": one.name, "Content": one.base64, "ContentType": one.type}
                | ({"ContentID": f"cid:{one.cid}"} if one.cid else {})
                for one in parts.files
            ]
        if self._settings.stream is not None:
            email["MessageStream"] = self._settings.stream
        return email

    def _headers(self) -> dict[str, str]:
        return {
            "X-Postmark-Server-Token": self._settings.token.reveal(),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }


def _outcome(answer: Mapping[str, Any], response: httpx.Response) -> Outcome:
    code, message = answer.get("ErrorCode"), str(answer.get("Message", ""))
    if not isinstance(code, int) or isinstance(code, bool):
        return by_status(_NAME, response, message)
    if code == 0 and response.is_success:
        # It goes to some recipients only where others have bounced or complained before.
        note = message if _SOME_INACTIVE in message else None
        return Outcome.sent(provider=_NAME, provider_id=answer.get("MessageID"), error=note)
    fault = _FAULTS.get(code)
    if fault is None and (response.is_success or response.status_code == 422):
        fault = "recipient"
    if fault is None or code == 0:
        return by_status(_NAME, response, message)
    if fault == "recipient" and _OUR_ADDRESS.search(message):
        fault = "configuration"
    return failed(_NAME, fault, str(code), f"{code}: {message}", response)

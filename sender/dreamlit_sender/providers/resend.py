"""Resend.

Sources: https://resend.com/docs/api-reference/emails/send-email (fields),
https://resend.com/docs/api-reference/emails/send-batch-emails and
https://resend.com/changelog/batch-validation-modes (batches),
https://resend.com/docs/api-reference/errors (error names),
https://resend.com/docs/dashboard/emails/idempotency-keys (a key is remembered for 24 hours: the same request
again gets the same answer and sends nothing; another request with the key is refused with 409),
https://resend.com/docs/api-reference/rate-limit (Retry-After, quotas).

Nothing there says that a Message-ID of ours would be kept; our id travels as the tag `dreamlit_message`. Nor
is it said in so many words that `data` leaves out the refused of a batch: where the numbers do not add up,
nobody is told that a message was sent.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dreamlit_sender import web
from dreamlit_sender.providers.http import ApiRequest, by_status, failed, json_content
from dreamlit_sender.transport import Fault, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from dreamlit_sender.message import Parts
    from dreamlit_sender.providers.settings import ResendSettings

_NAME = "resend"
_FAULTS: Mapping[str, Fault] = {
    "validation_error": "recipient",
    "missing_required_field": "recipient",
    "invalid_parameter": "recipient",
    "invalid_to_address": "recipient",
    "invalid_attachment": "recipient",
    "security_error": "recipient",
    "missing_api_key": "configuration",
    "invalid_api_key": "configuration",
    "restricted_api_key": "configuration",
    "suspended_api_key": "configuration",
    "invalid_access": "configuration",
    "invalid_permission": "configuration",
    "invalid_from_address": "configuration",
    "invalid_region": "configuration",
    "invalid_idempotency_key": "configuration",
    "not_found": "configuration",
    "method_not_allowed": "configuration",
    # Nothing gets through before the quota is renewed or raised: the channel waits, no attempt is used up.
    "daily_quota_exceeded": "configuration",
    "monthly_quota_exceeded": "configuration",
    "rate_limit_exceeded": "transient",
    "concurrent_idempotent_requests": "transient",
    "service_unavailable": "transient",
    # Something was accepted under this key, and it was not quite this: the From may have changed meanwhile.
    "invalid_idempotent_request": "unknown",
    "application_error": "unknown",
    "internal_server_error": "unknown",
}
_OURS = re.compile(r"[`'\"]from[`'\"]|\bfrom (?:address|field)|not verified|testing emails", re.IGNORECASE)


class ResendApi:
    """https://api.resend.com."""

    name = _NAME
    keyed = True
    ascii_only = False
    largest_batch = 100
    files_in_batches = False

    def __init__(self, settings: ResendSettings, *, url: str | None = None) -> None:
        self._url = url or "https://api.resend.com"
        self._settings = settings

    def request(self, parts: Parts, key: str) -> ApiRequest:
        """Return the request that sends one message under its key."""
        return ApiRequest(f"{self._url}/emails", json_content(_email(parts)), self._headers(key))

    def batch_request(self, parts: Sequence[Parts], key: str) -> ApiRequest:
        """Return the request that sends several; in this mode a bad one does not hold back the others."""
        return ApiRequest(
            f"{self._url}/emails/batch",
            json_content([_email(one) for one in parts]),
            {**self._headers(key), "x-batch-validation": "permissive"},
        )

    def outcome(self, response: httpx.Response) -> Outcome:
        """Return what an answer means; one that leaves a doubt may be asked for again with the same key."""
        answer = web.json_object(response)
        if response.is_success and answer is not None and isinstance(answer.get("id"), str):
            return Outcome.sent(provider=_NAME, provider_id=answer["id"])
        outcome = _refusal(response, answer)
        if outcome.fault == "unknown" and response.is_server_error:
            again = failed(_NAME, "transient", outcome.code or "", outcome.error or "", response)
            return replace(again, doubtful=True)
        return outcome

    def batch_outcomes(self, response: httpx.Response, size: int) -> list[Outcome] | Outcome:
        """Return what an answer means for each message: `data` has the accepted ones, `errors` the others."""
        answer = web.json_object(response)
        if not response.is_success or answer is None or not isinstance(answer.get("data"), list):
            return _refusal(response, answer)
        refused = {
            error["index"]: _by_message(str(error.get("message", "")))
            for error in answer.get("errors") or ()
            if isinstance(error, dict) and isinstance(error.get("index"), int)
        }
        ids = [entry.get("id") for entry in answer["data"] if isinstance(entry, dict)]
        if len(ids) + len(refused) != size or not all(0 <= index < size for index in refused):
            return by_status(_NAME, response)
        accepted = iter(ids)
        return [
            refused[index] if index in refused else Outcome.sent(provider=_NAME, provider_id=next(accepted))
            for index in range(size)
        ]

    def _headers(self, key: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._settings.api_key.reveal()}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }


def _email(parts: Parts) -> dict[str, Any]:
    email: dict[str, Any] = {
        "from": str(parts.sender),
        "to": [str(address) for address in parts.to],
        "subject": parts.subject,
        "text": parts.text,
        "tags": [{"name": name, "value": text} for name, text in parts.marks.items()],
    }
    for field, addresses in (("cc", parts.cc), ("bcc", parts.bcc), ("reply_to", parts.reply_to)):
        if addresses:
            email[field] = [str(address) for address in addresses]
    if parts.html is not None:
        email["html"] = parts.html
    if parts.files:
        email["attachments"] = [
            {"filename": one.name, "content": one.base64, "content_type": one.type}
            | ({"content_id": one.cid} if one.cid else {})
            for one in parts.files
        ]
    if parts.headers:
        email["headers"] = dict(parts.headers)
    return email


def _refusal(response: httpx.Response, answer: Mapping[str, Any] | None) -> Outcome:
    name = answer.get("name") if answer else None
    if not isinstance(name, str) or not name:
        return by_status(_NAME, response)
    message = str(answer.get("message", "")) if answer else ""
    fault = _FAULTS.get(name)
    if fault is None:
        return by_status(_NAME, response, f"{name}: {message}")
    if fault == "recipient" and (response.status_code in (401, 403) or _OURS.search(message)):
        # The same name means the account where the domain is not verified or may send tests only.
        fault = "configuration"
    return failed(_NAME, fault, name, f"{name}: {message}", response)


def _by_message(message: str) -> Outcome:
    """Return what an entry of `errors` means, which carries no name."""
    fault: Fault = "configuration" if _OURS.search(message) else "recipient"
    return failed(_NAME, fault, "validation_error", message)

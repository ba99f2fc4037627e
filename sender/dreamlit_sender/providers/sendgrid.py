"""SendGrid, API version 3.

Sources: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send (fields),
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors (refusals by field),
https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits,
https://support.sendgrid.com/hc/en-us/articles/18322114821403 (401 for used-up credits, 403 for the From).

Message-ID goes among the headers; that SendGrid keeps it is not documented, so the id that the webhooks bring
back is the custom argument. SendGrid has no idempotency key; one request carries several messages only if
they share their content.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dreamlit_sender import web
from dreamlit_sender.message import mailbox_of
from dreamlit_sender.providers.http import ApiRequest, by_status, failed, json_content
from dreamlit_sender.transport import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from email.headerregistry import Address

    import httpx

    from dreamlit_sender.message import Parts
    from dreamlit_sender.providers.settings import SendgridSettings

_NAME = "sendgrid"
_URLS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}


class SendgridApi:
    """https://api.sendgrid.com, or the one in the EU."""

    name = _NAME
    keyed = False
    ascii_only = False

    def __init__(
        self, settings: SendgridSettings, *, url: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = url or _URLS[settings.region]
        self._settings = settings
        self._clock = clock

    def request(self, parts: Parts, key: str) -> ApiRequest:  # noqa: ARG002 - there are no keys here
        """Return the request that sends one message."""
        headers = {
            "Authorization": f"Bearer {self._settings.api_key.reveal()}",
            "Content-Type": "application/json",
        }
        return ApiRequest(f"{self._url}/v3/mail/send", json_content(_email(parts)), headers)

    def outcome(self, response: httpx.Response) -> Outcome:
        """Return what the answer means; only 202 says that the message is on its way."""
        status = response.status_code
        if status == 202:
            return Outcome.sent(provider=_NAME, provider_id=response.headers.get("X-Message-Id"))
        if status == 200:
            return failed(_NAME, "configuration", "sandbox", "HTTP 200: checked and not sent (sandbox mode)")
        errors = _errors(response)
        detail = "; ".join(_words(error) for error in errors)
        if status == 400 and errors and all(_is_ours(error) for error in errors):
            return failed(_NAME, "configuration", "400", f"HTTP 400: {detail}", response)
        outcome = by_status(_NAME, response, detail)
        if status == 429 and outcome.retry_after is None:
            return Outcome.failed(
                "transient",
                code="429",
                error=outcome.error,
                retry_after=self._until_reset(response),
                provider=_NAME,
            )
        return outcome

    def _until_reset(self, response: httpx.Response) -> float | None:
        """Return the seconds until X-RateLimit-Reset, which is a moment in seconds since 1970."""
        text = response.headers.get("X-RateLimit-Reset", "")
        return max(0.0, int(text) - self._clock()) if text.isascii() and text.isdigit() else None


def _email(parts: Parts) -> dict[str, Any]:
    seen: set[str] = set()
    recipients = {
        field: found
        for field, addresses in (("to", parts.to), ("cc", parts.cc), ("bcc", parts.bcc))
        if (found := [_named(address) for address in _fresh(addresses, seen)])
    }
    contents = [("text/plain", parts.text), ("text/html", parts.html)]
    email: dict[str, Any] = {
        "personalizations": [recipients],
        "from": _named(parts.sender),
        "subject": parts.subject,
        # An empty part is refused.
        "content": [{"type": kind, "value": value} for kind, value in contents if value],
        "headers": {**parts.headers, "Message-ID": parts.identifier},
        "custom_args": parts.marks,
    }
    if parts.files:
        email["attachments"] = [
            {"filename": one.name, "content": one.base64, "type": one.type}
            | ({"disposition": "inline", "content_id": one.cid} if one.cid else {"disposition": "attachment"})
            for one in parts.files
        ]
    if len(parts.reply_to) == 1:
        email["reply_to"] = _named(parts.reply_to[0])
    elif parts.reply_to:
        email["reply_to_list"] = [_named(address) for address in parts.reply_to]
    return email


def _fresh(addresses: Iterable[Address], seen: set[str]) -> Iterable[Address]:
    """Yield the addresses that have not been named before: a second mention is refused."""
    for address in addresses:
        mailbox = mailbox_of(address).lower()
        if mailbox not in seen:
            seen.add(mailbox)
            yield address


def _named(address: Address) -> dict[str, str]:
    named = {"email": mailbox_of(address)}
    return named | {"name": address.display_name} if address.display_name else named


def _errors(response: httpx.Response) -> list[Mapping[str, Any]]:
    answer = web.json_object(response)
    errors = answer.get("errors") if answer else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _words(error: Mapping[str, Any]) -> str:
    field, message = error.get("field"), error.get("message", "")
    return f"{field}: {message}" if field else str(message)


def _is_ours(error: Mapping[str, Any]) -> bool:
    return str(error.get("field") or "").split(".", 1)[0] == "from"

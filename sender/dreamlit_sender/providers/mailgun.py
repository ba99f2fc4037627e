"""Mailgun.

Sources: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages (messages.mime),
https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses (HTTP codes),
https://github.com/mailgun/mailgun-java/issues/50 (420 where a domain has a limit of recipients an hour).

The message goes as MIME, the same bytes as over SMTP, so that every header arrives and our Message-ID stays.
Mailgun has no idempotency key, and its batches share one content. It is known to accept a message and answer
5xx, so those leave a doubt, whichever they are.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import httpx

from dreamlit_sender import web
from dreamlit_sender.message import mail_of
from dreamlit_sender.providers.http import ApiRequest, by_status, failed
from dreamlit_sender.transport import Outcome

if TYPE_CHECKING:
    from dreamlit_sender.message import Parts
    from dreamlit_sender.providers.settings import MailgunSettings

_NAME = "mailgun"
_URLS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_TRY_AFTER = re.compile(r"try again after (.+)", re.IGNORECASE)
# A domain that is unknown, disabled, a sandbox or not activated, or the From: the account, not the message.
_OURS = re.compile(r"not allowed to send|'?\bfrom'? parameter|domain not found", re.IGNORECASE)


class MailgunApi:
    """https://api.mailgun.net, or the one in the EU."""

    name = _NAME
    keyed = False
    ascii_only = False

    def __init__(self, settings: MailgunSettings, *, url: str | None = None) -> None:
        self._url = f"{url or _URLS[settings.region]}/v3/{settings.domain}/messages.mime"
        self._settings = settings

    def request(self, parts: Parts, key: str) -> ApiRequest:  # noqa: ARG002 - there are no keys here
        """Return the request that sends one message."""
        mail = mail_of(parts)
        form = httpx.Request(
            "POST",
            self._url,
            data={"to": [*mail.to, *mail.copies]} | {f"v:{name}": text for name, text in parts.marks.items()},
            files={"message": ("message.eml", mail.data, "message/rfc822")},
        )
        login = base64.b64encode(f"api:{self._settings.api_key.reveal()}".encode()).decode("ascii")
        headers = {"Authorization": f"Basic {login}", "Content-Type": form.headers["Content-Type"]}
        return ApiRequest(self._url, form.read(), headers)

    def outcome(self, response: httpx.Response) -> Outcome:
        """Return what the answer means."""
        answer = web.json_object(response) or {}
        if response.is_success and isinstance(answer.get("id"), str):
            return Outcome.sent(provider=_NAME, provider_id=answer["id"].strip("<>"))
        status, message = response.status_code, str(answer.get("message", ""))
        if (limit := _TRY_AFTER.search(message)) and 400 <= status < 500:
            return Outcome.failed(
                "transient",
                code=str(status),
                error=f"HTTP {status}: {message}",
                retry_after=web.seconds_until(limit[1]),
                provider=_NAME,
            )
        if status == 429:
            return by_status(_NAME, response, message)
        if status >= 500:
            return failed(_NAME, "unknown", str(status), f"HTTP {status}: {message}", response)
        if 400 <= status < 500 and (status in (420, 421) or _OURS.search(message)):
            return failed(_NAME, "configuration", str(status), f"HTTP {status}: {message}", response)
        return by_status(_NAME, response, message)

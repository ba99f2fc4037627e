"""Messages to oneself, by the transport that the sender is configured with; the database is not told."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.loop import build_transports
from dreamlit_sender.message import UnfitContentError, parse_address
from dreamlit_sender.transport import Handover, Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dreamlit_sender.config import Config

# A message of its own each time, with an id that no message of a database has.
_FIRST_ID = 1 << 62


def for_test(content: Mapping[str, Any], to: str) -> dict[str, Any]:
    """The content as it goes to one address and to nobody else, its subject marked."""
    subject = f"[test] {content.get('subject') or ''}".rstrip()
    return {**content, "to": [to], "cc": [], "bcc": [], "subject": subject}


async def send_tests(config: Config, to: str, contents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Send the contents to one address; returns {"subject", "provider", "provider_id"} of each.

    Raises DreamlitError if the address is none, no transport for email is configured, or one is refused.
    """
    try:
        parse_address("--to", to)
    except UnfitContentError as error:
        raise DreamlitError(str(error), hint="write one address: --to you@example.com") from None
    transport = build_transports(config).get("email")
    if transport is None:
        raise DreamlitError(
            "the sender has nothing to send email with",
            hint="set DREAMLIT_SMTP_URL or DREAMLIT_PROVIDER, as for dreamlit sender",
        )
    redact, sent = config.redactor(), []
    try:
        for content in contents:
            test = for_test(content, to)
            number = _FIRST_ID + secrets.randbelow(1 << 32)
            outcome = await transport.deliver(Message(number, 1, test, Handover()))
            if outcome.outcome != "sent":
                raise DreamlitError(f"not sent: {redact(outcome.error or outcome.code or 'no reason given')}")
            sent.append(
                {
                    "subject": test["subject"],
                    "provider": outcome.provider,
                    "provider_id": outcome.provider_id,
                }
            )
    finally:
        await transport.aclose()
    return sent

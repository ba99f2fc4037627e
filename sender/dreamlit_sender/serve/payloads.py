"""The providers' webhooks as events of dreamlit.record_engagement.

Sources: https://resend.com/docs/dashboard/webhooks/event-types,
https://postmarkapp.com/developer/webhooks/webhooks-overview and https://postmarkapp.com/developer/api/bounce-api,
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html and
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html,
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event,
https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure.

What says nothing of a message's way (accepted, processed, sent) yields no event. Each event keeps what the
provider said in `raw`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dreamlit_sender.serve.machines import is_machine_name

Event = dict[str, Any]
Raw = Mapping[str, Any]

_LONGEST = 2000


class UnreadableError(ValueError):
    """The body is not what the provider documents."""


def read_events(provider: str, headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Return the events of a verified webhook. Raises UnreadableError."""
    try:
        document = json.loads(body)
        return [_clean(event) for event in _READERS[provider](document, headers)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise UnreadableError(f"{provider}: {type(error).__name__}") from None


def _event(
    provider: str,
    kind: str,
    event_id: str,
    at: str,
    raw: Raw,
    *,
    marks: Raw | None = None,
    provider_id: object = None,
    recipient: object = None,
    bounce: str | None = None,
    url: object = None,
    agent: object = None,
    machine: bool | None = None,
) -> Event:
    """Return an event; `marks` is what the message was sent with: its id, perhaps its database's name."""
    given = marks or {}
    by_person = kind not in ("opened", "clicked") or agent is None
    return {
        "provider": provider,
        "event_id": event_id,
        "kind": kind,
        "at": at,
        "message_id": _number(given.get("dreamlit_message")),
        "database": _text(given.get("dreamlit_database")),
        "provider_id": _text(provider_id),
        "recipient": _text(recipient),
        "bounce": bounce,
        "url": _text(url),
        "user_agent": _text(agent),
        "machine": machine if machine is not None else not by_person and is_machine_name(str(agent)),
        "raw": dict(raw),
    }


# Resend


def _resend(document: Raw, headers: Mapping[str, str]) -> Iterable[Event]:
    kind = {
        "email.delivered": "delivered",
        "email.delivery_delayed": "deferred",
        "email.bounced": "bounced",
        "email.suppressed": "bounced",
        "email.complained": "complained",
        "email.opened": "opened",
        "email.clicked": "clicked",
    }.get(document["type"])
    if kind is None:
        return
    data = document["data"]
    detail = data.get("click") or data.get("open") or {}
    bounce = None
    if kind == "bounced":
        # One that Resend suppressed had bounced or complained before.
        permanent = document["type"] == "email.suppressed" or data["bounce"].get("type") == "Permanent"
        bounce = "hard" if permanent else "soft"
    recipients = data.get("to") or [None]
    for place, recipient in enumerate([recipients] if isinstance(recipients, str) else recipients):
        yield _event(
            "resend",
            kind,
            headers["svix-id"] + (f":{place}" if place else ""),
            detail.get("timestamp") or document["created_at"],
            document,
            marks=_tags(data.get("tags")),
            provider_id=data.get("email_id"),
            recipient=recipient,
            bounce=bounce,
            url=detail.get("link"),
            agent=detail.get("userAgent"),
        )


def _tags(tags: Any) -> Raw:
    if isinstance(tags, list):
        return {tag["name"]: tag["value"] for tag in tags}
    return tags if isinstance(tags, dict) else {}


# Postmark

_POSTMARK_HARD = ("HardBounce", "BadEmailAddress", "ManuallyDeactivated")
_POSTMARK_KINDS = {
    "SpamComplaint": "complained",
    "SpamNotification": "complained",
    "Unsubscribe": "unsubscribed",
    "Transient": "deferred",
}
# Answers of programs to a message that did arrive.
_POSTMARK_NOT_BOUNCED = (
    *("AutoResponder", "Subscribe", "AddressChange", "ChallengeVerification", "OpenRelayTest"),
)


def _postmark(document: Raw, _: Mapping[str, str]) -> Iterable[Event]:
    record = document["RecordType"]
    read = {
        "Delivery": _postmark_delivery,
        "Bounce": _postmark_bounce,
        "SpamComplaint": _postmark_bounce,
        "Open": _postmark_engagement,
        "Click": _postmark_engagement,
        "SubscriptionChange": _postmark_subscription,
    }.get(record)
    found = read(document) if read else None
    if found is None:
        return
    kind, at, recipient, more = found
    number = document.get("ID") or _digest(document["MessageID"], recipient, at, document.get("OriginalLink"))
    yield _event(
        "postmark",
        kind,
        f"{record}:{number}",
        at,
        document,
        marks=document.get("Metadata"),
        provider_id=document.get("MessageID"),
        recipient=recipient,
        **more,
    )


_Found = tuple[str, str, Any, dict[str, Any]]


def _postmark_delivery(document: Raw) -> _Found | None:
    return "delivered", document["DeliveredAt"], document["Recipient"], {}


def _postmark_bounce(document: Raw) -> _Found | None:
    kind = document["Type"]
    if kind in _POSTMARK_NOT_BOUNCED:
        return None
    known = _POSTMARK_KINDS.get(kind)
    bounce = None if known else "hard" if kind in _POSTMARK_HARD else "soft"
    return known or "bounced", document["BouncedAt"], document["Email"], {"bounce": bounce}


def _postmark_engagement(document: Raw) -> _Found | None:
    kind = "clicked" if document["RecordType"] == "Click" else "opened"
    more = {"url": document.get("OriginalLink"), "agent": document.get("UserAgent")}
    return kind, document["ReceivedAt"], document["Recipient"], more


def _postmark_subscription(document: Raw) -> _Found | None:
    # Bounces and complaints, which suppress too, come as records of their own; who is taken off the list
    # again by hand is taken off ours on purpose only.
    if not document["SuppressSending"] or document.get("SuppressionReason") != "ManualSuppression":
        return None
    return "unsubscribed", document["ChangedAt"], document["Recipient"], {}


# Amazon SES, in the envelope of SNS


def _ses(envelope: Raw, _: Mapping[str, str]) -> Iterable[Event]:
    document = json.loads(envelope["Message"])
    mail = document.get("mail")
    kind = document.get("eventType") or document.get("notificationType")
    read = {
        "Delivery": _ses_delivery,
        "DeliveryDelay": _ses_delay,
        "Bounce": _ses_bounce,
        "Complaint": _ses_complaint,
        "Open": _ses_engagement,
        "Click": _ses_engagement,
        "Subscription": _ses_subscription,
    }.get(kind)
    if read is None or not isinstance(mail, dict):
        return
    name, at, recipients, more = read(document)
    tags = (mail.get("tags") or {}).items()
    marks = {tag: texts[0] for tag, texts in tags if isinstance(texts, list) and texts}
    for place, recipient in enumerate(recipients or mail.get("destination") or [None]):
        yield _event(
            "ses",
            name,
            envelope["MessageId"] + (f":{place}" if place else ""),
            at,
            document,
            marks=marks,
            provider_id=mail.get("messageId"),
            recipient=recipient,
            **more,
        )


_SesFound = tuple[str, str, list[Any], dict[str, Any]]


def _ses_delivery(document: Raw) -> _SesFound:
    delivery = document["delivery"]
    return "delivered", delivery["timestamp"], delivery.get("recipients") or [], {}


def _ses_delay(document: Raw) -> _SesFound:
    delay = document["deliveryDelay"]
    return "deferred", delay["timestamp"], _addresses(delay.get("delayedRecipients")), {}


def _ses_bounce(document: Raw) -> _SesFound:
    bounce = document["bounce"]
    kind = "hard" if bounce["bounceType"] == "Permanent" else "soft"
    return "bounced", bounce["timestamp"], _addresses(bounce.get("bouncedRecipients")), {"bounce": kind}


def _ses_complaint(document: Raw) -> _SesFound:
    complaint = document["complaint"]
    return "complained", complaint["timestamp"], _addresses(complaint.get("complainedRecipients")), {}


def _ses_engagement(document: Raw) -> _SesFound:
    clicked = "click" in document
    detail = document["click" if clicked else "open"]
    more = {"url": detail.get("link"), "agent": detail.get("userAgent")}
    return "clicked" if clicked else "opened", detail["timestamp"], [], more


def _ses_subscription(document: Raw) -> _SesFound:
    return "unsubscribed", document["subscription"]["timestamp"], [], {}


def _addresses(entries: Any) -> list[Any]:
    return [entry["emailAddress"] for entry in entries or ()]


# SendGrid

_SENDGRID_KINDS = {
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "bounced",
    "dropped": "bounced",
    "spamreport": "complained",
    "open": "opened",
    "click": "clicked",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
_SENDGRID_DROPS = {
    "Bounced Address": ("bounced", "hard"),
    "Invalid": ("bounced", "hard"),
    "Spam Reporting Address": ("complained", None),
    "Unsubscribed Address": ("unsubscribed", None),
}


def _sendgrid(document: Any, _: Mapping[str, str]) -> Iterable[Event]:
    for entry in document:
        kind, bounce = _SENDGRID_KINDS.get(entry["event"]), None
        if entry["event"] == "dropped":
            kind, bounce = _SENDGRID_DROPS.get(entry.get("reason", ""), (None, None))
        elif kind == "bounced":
            # A block is of the sender's address or of this content, not of the mailbox.
            bounce = "soft" if entry.get("type") == "blocked" else "hard"
        if kind is None:
            continue
        yield _event(
            "sendgrid",
            kind,
            entry["sg_event_id"],
            _moment(entry["timestamp"]),
            entry,
            marks=entry,
            provider_id=entry.get("sg_message_id"),
            recipient=entry.get("email"),
            bounce=bounce,
            url=entry.get("url"),
            agent=entry.get("useragent"),
            machine=True if entry.get("sg_machine_open") is True else None,
        )


# Mailgun

_MAILGUN_KINDS = {
    "delivered": "delivered",
    "failed": "bounced",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
}


def _mailgun(document: Raw, _: Mapping[str, str]) -> Iterable[Event]:
    data = document["event-data"]
    kind, bounce = _MAILGUN_KINDS.get(data["event"]), None
    if kind is None:
        return
    if kind == "bounced":
        kind, bounce = _mailgun_failure(data)
    client = data.get("client-info") or {}
    bot = client.get("bot")
    yield _event(
        "mailgun",
        kind,
        data["id"],
        _moment(data["timestamp"]),
        data,
        marks=data.get("user-variables"),
        provider_id=((data.get("message") or {}).get("headers") or {}).get("message-id"),
        recipient=data.get("recipient"),
        bounce=bounce,
        url=data.get("url"),
        agent=client.get("user-agent"),
        # Gmail's proxy fetches for a person.
        machine=True if bot and bot != "gmail" and kind in ("opened", "clicked") else None,
    )


def _mailgun_failure(data: Raw) -> tuple[str, str | None]:
    if data.get("severity") == "temporary":
        return "deferred", None
    match data.get("reason"):
        case "bounce" | "suppress-bounce":
            return "bounced", "hard"
        case "suppress-complaint":
            return "complained", None
        case "suppress-unsubscribe":
            return "unsubscribed", None
        case _:
            # Given up after many tries, or refused for something else than the address.
            return "bounced", "soft"


_READERS = {
    "resend": _resend,
    "postmark": _postmark,
    "ses": _ses,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
}


def _moment(seconds: Any) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat()


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:_LONGEST]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def _clean(event: Event) -> Event:
    """Take out what jsonb cannot hold; check what the database would refuse the whole batch for."""
    at = datetime.fromisoformat(event["at"])
    cleaned: Event = _storable(event)
    return cleaned | {"at": (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()}


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
        case dict():
            return {_storable(str(key)): _storable(one) for key, one in value.items()}
        case list():
            return [_storable(one) for one in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value

"""The providers' webhooks: signatures as each provider makes them, payloads as each documents them."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from tests.helpers import column, rows, value

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config
from dreamlit_sender.secret import Secret
from dreamlit_sender.serve.payloads import UnreadableError, read_events
from dreamlit_sender.serve.signatures import ResendVerifier, SesVerifier, is_of_sns

if TYPE_CHECKING:
    from tests.helpers import Connection
    from tests.serve.conftest import Running, Serve

RESEND_KEY = b"a signing key of enough bytes"
RESEND = f"whsec_{base64.b64encode(RESEND_KEY).decode()}"
POSTMARK = "hooks:a-long-enough-password"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"
MAILGUN = "a-mailgun-webhook-signing-key"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem"
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())
SENDGRID = base64.b64encode(
    SENDGRID_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode("ascii")
SNS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SECRETS = {
    "webhook_resend": RESEND,
    "webhook_postmark": POSTMARK,
    "webhook_ses": TOPIC,
    "webhook_sendgrid": SENDGRID,
    "webhook_mailgun": MAILGUN,
}
PROVIDERS = ("resend", "postmark", "ses", "sendgrid", "mailgun")


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(SNS_KEY.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(SNS_KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


# What each provider sends

RESEND_BOUNCED = {
    "type": "email.bounced",
    "created_at": "2026-11-22T23:41:12.126Z",
    "data": {
        "created_at": "2026-11-22T23:41:11.894719+00:00",
        "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
        "from": "Acme <onboarding@example.com>",
        "to": ["ann@example.com"],
        "subject": "Sending this example",
        "bounce": {"message": "The mailbox does not exist.", "subType": "General", "type": "Permanent"},
        "tags": {"dreamlit_message": "7"},
    },
}
POSTMARK_BOUNCE = {
    "RecordType": "Bounce",
    "MessageStream": "outbound",
    "ID": 4323372036854775807,
    "Type": "HardBounce",
    "TypeCode": 1,
    "Name": "Hard bounce",
    "Tag": "Test",
    "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
    "Metadata": {"dreamlit_message": "7"},
    "ServerID": 23,
    "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
    "Email": "ann@example.com",
    "From": "sender@example.com",
    "BouncedAt": "2026-11-05T16:33:54.9070259Z",
    "DumpAvailable": True,
    "Inactive": True,
    "CanActivate": True,
    "Subject": "Test subject",
}
SES_BOUNCE = {
    "eventType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "ann@example.com",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2026-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "reportingMTA": "dsn; mta.example.com",
    },
    "mail": {
        "timestamp": "2026-08-05T00:40:02.012Z",
        "source": "Sender Name <sender@example.com>",
        "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "destination": ["ann@example.com"],
        "tags": {"ses:configuration-set": ["ConfigSet"], "dreamlit_message": ["7"]},
    },
}
SENDGRID_BOUNCE = {
    "email": "ann@example.com",
    "timestamp": 1793299569,
    "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
    "event": "bounce",
    "type": "bounce",
    "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==",
    "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
    "reason": "550 5.1.1 The email account that you tried to reach does not exist",
    "status": "5.1.1",
    "dreamlit_message": "7",
}
MAILGUN_FAILED = {
    "id": "G9Bn5sl1TC6nu79C8C0bwg",
    "timestamp": 1793299569.927881,
    "log-level": "error",
    "event": "failed",
    "severity": "permanent",
    "reason": "bounce",
    "delivery-status": {"code": 550, "message": "No such mailbox", "attempt-no": 1},
    "message": {"headers": {"to": "ann@example.com", "message-id": "dreamlit.7@example.com"}},
    "recipient": "ann@example.com",
    "user-variables": {"dreamlit_message": "7"},
}


def resend(document: Any = RESEND_BOUNCED, **changes: Any) -> tuple[dict[str, str], bytes]:
    body = json.dumps(document).encode()
    number, stamp = changes.get("number", "msg_1"), changes.get("stamp", str(int(time.time())))
    signed = hmac.new(changes.get("key", RESEND_KEY), f"{number}.{stamp}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(signed.digest()).decode()}"
    return {"svix-id": number, "svix-timestamp": stamp, "svix-signature": signature}, body


def postmark(document: Any = POSTMARK_BOUNCE, login: str = POSTMARK) -> tuple[dict[str, str], bytes]:
    encoded = base64.b64encode(login.encode()).decode()
    return {"Authorization": f"Basic {encoded}"}, json.dumps(document).encode()


def sns(envelope: dict[str, str], version: str = "1", key: rsa.RSAPrivateKey = SNS_KEY) -> bytes:
    confirmation = envelope["Type"] == "SubscriptionConfirmation"
    names = (
        ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        if confirmation
        else ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    )
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = key.sign(text.encode(), padding.PKCS1v15(), algorithm)
    signed = {
        "SignatureVersion": version,
        "Signature": base64.b64encode(signature).decode(),
        "SigningCertURL": CERTIFICATE_URL,
    }
    return json.dumps({**signed, **envelope}).encode()


def notification(document: Any = SES_BOUNCE, **changes: str) -> dict[str, str]:
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": json.dumps(document),
        "Timestamp": "2026-08-05T00:41:02.669Z",
        **changes,
    }


def confirmation(**changes: str) -> dict[str, str]:
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37",
        "Timestamp": "2026-04-26T20:45:04.751Z",
        **changes,
    }


def ses(document: Any = SES_BOUNCE) -> tuple[dict[str, str], bytes]:
    return {"x-amz-sns-message-type": "Notification"}, sns(notification(document))


def sendgrid(
    document: Any = None, key: ec.EllipticCurvePrivateKey = SENDGRID_KEY
) -> tuple[dict[str, str], bytes]:
    body = json.dumps([SENDGRID_BOUNCE] if document is None else document).encode()
    stamp = "1793299570"
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
    }, body


def mailgun(document: Any = MAILGUN_FAILED, **changes: Any) -> tuple[dict[str, str], bytes]:
    stamp, token = changes.get("stamp", str(int(time.time()))), changes.get("token", "a8ce0edb2dd8301dee6c")
    signature = hmac.new(
        changes.get("key", MAILGUN).encode(), f"{stamp}{token}".encode(), hashlib.sha256
    ).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return {}, json.dumps({"signature": signed, "event-data": document}).encode()


DOCUMENTS = {
    "resend": RESEND_BOUNCED,
    "postmark": POSTMARK_BOUNCE,
    "ses": SES_BOUNCE,
    "sendgrid": SENDGRID_BOUNCE,
    "mailgun": MAILGUN_FAILED,
}
SIGNED = {"resend": resend, "postmark": postmark, "ses": ses, "sendgrid": sendgrid, "mailgun": mailgun}


class Sns:
    """What stands at SNS's addresses."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.confirmed: list[str] = []
        self.down = False

    async def fetch(self, url: str) -> bytes:
        if self.down:
            raise OSError("unreachable")
        self.fetched.append(url)
        return certificate()

    async def confirm(self, url: str) -> None:
        self.confirmed.append(url)


async def start(serve: Serve, name: str | None = None) -> tuple[Running, Sns]:
    """A server with all webhooks, and what stands at SNS's addresses; `name` is that of its database."""
    run, amazon = await serve(name=name, **SECRETS), Sns()
    verifier: Any = run.site.verifiers["ses"]
    verifier._fetch = amazon.fetch
    run.site.confirm = amazon.confirm
    return run, amazon


async def post(run: Running, provider: str, signed: tuple[dict[str, str], bytes]) -> int:
    headers, body = signed
    return (await run.client.post(f"/webhooks/{provider}", headers=headers, content=body)).status_code


def count(superuser: Connection) -> int:
    found: int = value(superuser, "select count(*) from dreamlit.engagement")
    return found


@pytest.fixture
def seventh(superuser: Connection, request: pytest.FixtureRequest) -> int:
    """The message that the payloads name."""
    superuser.execute("select setval('dreamlit._message_id_seq', 7, false)")
    found: int = request.getfixturevalue("message_id")
    return found


# All of them


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_bounce_becomes_an_event_of_its_message(
    serve: Serve, superuser: Connection, seventh: int, provider: str
) -> None:
    run, _ = await start(serve)
    assert await post(run, provider, SIGNED[provider]()) == 200
    found = rows(
        superuser, "select provider, kind, bounce, message_id, recipient, raw from dreamlit.engagement"
    )
    raw = found[0].pop("raw")
    assert found == [
        {
            "provider": provider,
            "kind": "bounced",
            "bounce": "hard",
            "message_id": 7,
            "recipient": "ann@example.com",
        }
    ]
    assert raw


def of_database(provider: str, name: str) -> tuple[dict[str, str], bytes]:
    """The provider's webhook for a message that was sent from the database of that name."""
    document: Any = copy.deepcopy(DOCUMENTS[provider])
    match provider:
        case "resend":
            document["data"]["tags"]["dreamlit_database"] = name
        case "postmark":
            document["Metadata"]["dreamlit_database"] = name
        case "ses":
            document["mail"]["tags"]["dreamlit_database"] = [name]
        case "sendgrid":
            document = [{**document, "dreamlit_database": name}]
        case "mailgun":
            document["user-variables"]["dreamlit_database"] = name
            # A signature of theirs serves one body only.
            return mailgun(document, token=f"token-of-{name}")
    signed: tuple[dict[str, str], bytes] = SIGNED[provider](document)
    return signed


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_names_another_database_is_left_to_it_and_counted(
    serve: Serve, superuser: Connection, seventh: int, provider: str
) -> None:
    run, _ = await start(serve, name="shop")
    assert await post(run, provider, of_database(provider, "blog")) == 200
    assert count(superuser) == 0
    assert "dreamlit_serve_events_elsewhere_total{} 1" in (await run.client.get("/metrics")).text
    assert await post(run, provider, of_database(provider, "shop")) == 200
    assert column(superuser, "select message_id from dreamlit.engagement") == [7]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_without_a_name_on_either_side_every_webhook_is_ours(
    serve: Serve, superuser: Connection, seventh: int, provider: str
) -> None:
    unnamed, _ = await start(serve)
    assert await post(unnamed, provider, of_database(provider, "blog")) == 200
    assert count(superuser) == 1
    superuser.execute("truncate dreamlit._engagement, dreamlit._engagement_ids")
    named, _ = await start(serve, name="shop")
    assert await post(named, provider, SIGNED[provider]()) == 200
    assert column(superuser, "select message_id from dreamlit.engagement") == [7]


async def test_of_one_webhook_with_events_of_two_databases_each_takes_its_own(
    serve: Serve, superuser: Connection, seventh: int
) -> None:
    run, _ = await start(serve, name="shop")
    mixed = [
        {**SENDGRID_BOUNCE, "sg_event_id": "a", "dreamlit_database": "blog"},
        {**SENDGRID_BOUNCE, "sg_event_id": "b", "dreamlit_database": "shop"},
        {**SENDGRID_BOUNCE, "sg_event_id": "c"},
    ]
    assert await post(run, "sendgrid", sendgrid(mixed)) == 200
    assert column(superuser, "select event_id from dreamlit.engagement order by 1") == ["b", "c"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_same_webhook_again_is_the_same_event(
    serve: Serve, superuser: Connection, provider: str
) -> None:
    run, _ = await start(serve)
    signed = SIGNED[provider]()
    assert [await post(run, provider, signed) for _ in range(3)] == [200, 200, 200]
    assert count(superuser) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_unsigned_webhook_is_refused_and_writes_nothing(
    serve: Serve, superuser: Connection, provider: str
) -> None:
    run, _ = await start(serve)
    _, body = SIGNED[provider]()
    bodies = [body, b"", b"{}", b"[]", b"\xff\xfe", b"null", b"[" * 100_000]
    if provider in ("ses", "mailgun"):
        bodies = [one for one in bodies if one != body]
    assert [await post(run, provider, ({}, one)) for one in bodies] == [401] * len(bodies)
    assert count(superuser) == 0


@pytest.mark.parametrize("provider", ["resend", "ses", "sendgrid"])
async def test_a_body_that_was_changed_on_the_way_is_refused(
    serve: Serve, superuser: Connection, provider: str
) -> None:
    run, _ = await start(serve)
    headers, body = SIGNED[provider]()
    assert await post(run, provider, (headers, body.replace(b"ann@", b"bob@"))) == 401
    assert count(superuser) == 0


async def test_a_provider_that_is_not_configured_has_no_address(serve: Serve) -> None:
    run = await serve(webhook_resend=RESEND)
    assert await post(run, "postmark", postmark()) == 404
    assert await post(run, "nobody", ({}, b"{}")) == 404
    assert (await run.client.get("/webhooks/resend")).status_code == 405


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_body_that_is_too_large_is_refused_unread(serve: Serve, provider: str) -> None:
    run, _ = await start(serve)
    assert await post(run, provider, ({}, b"x" * (5 * 1024 * 1024))) == 413


async def test_without_the_database_the_provider_is_told_to_repeat(
    serve: Serve, superuser: Connection
) -> None:
    run, _ = await start(serve)
    superuser.execute("alter function dreamlit.record_engagement(jsonb) rename to elsewhere")
    assert await post(run, "resend", resend()) == 503
    superuser.execute("alter function dreamlit.elsewhere(jsonb) rename to record_engagement")
    assert await post(run, "resend", resend()) == 200
    assert count(superuser) == 1


async def test_signed_nonsense_is_an_error_of_its_own(serve: Serve, superuser: Connection) -> None:
    run, _ = await start(serve)
    assert await post(run, "resend", resend({"type": "email.bounced"})) == 422
    assert await post(run, "sendgrid", sendgrid({"not": "a list"})) == 422
    assert count(superuser) == 0


async def test_what_jsonb_cannot_hold_is_taken_out(serve: Serve, superuser: Connection) -> None:
    run, _ = await start(serve)
    document = {**SENDGRID_BOUNCE, "reason": "a\x00b\ud800", "number": float("nan")}
    assert await post(run, "sendgrid", sendgrid([document])) == 200
    assert value(superuser, "select raw ->> 'reason' from dreamlit.engagement") == "ab?"


# Signatures


@pytest.mark.parametrize(
    "signed",
    [
        resend(key=b"another key of enough bytes"),
        resend(stamp=str(int(time.time()) - 301)),
        resend(stamp=str(int(time.time()) + 40_000)),
        resend(stamp="now"),
        resend(number=""),
        ({**resend()[0], "svix-id": "msg_2"}, resend()[1]),
        ({**resend()[0], "svix-signature": resend()[0]["svix-signature"].replace("v1", "v2")}, resend()[1]),
        ({**resend()[0], "svix-signature": ""}, resend()[1]),
    ],
    ids=["key", "old", "early", "no time", "no id", "another id", "another version", "none"],
)
async def test_resend_wrong_signatures(serve: Serve, superuser: Connection, signed: Any) -> None:
    run, _ = await start(serve)
    assert await post(run, "resend", signed) == 401
    assert count(superuser) == 0


async def test_resend_one_of_several_signatures_is_enough(serve: Serve) -> None:
    run, _ = await start(serve)
    headers, body = resend()
    both = f"v1,{base64.b64encode(b'x' * 32).decode()} {headers['svix-signature']}"
    assert await post(run, "resend", ({**headers, "svix-signature": both}, body)) == 200


def test_resend_fits_the_example_that_svix_publishes() -> None:
    """https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    verifier = ResendVerifier(Secret("whsec_plJ3nmyCDGBKInavdOK15jsl"), clock=lambda: 1731705121.0)
    body = b'{"event_type":"ping","data":{"success":true}}'
    headers = {
        "svix-id": "msg_loFOjxBNrRLzqYUf",
        "svix-timestamp": "1731705121",
        "svix-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    }
    asyncio.run(verifier.verify(headers, body))


@pytest.mark.parametrize("login", ["hooks:wrong", ":", "hooks", "hooks:a-long-enough-password "])
async def test_postmark_wrong_logins(serve: Serve, superuser: Connection, login: str) -> None:
    run, _ = await start(serve)
    assert await post(run, "postmark", postmark(login=login)) == 401
    assert count(superuser) == 0


@pytest.mark.parametrize("version", ["1", "2"])
async def test_sns_both_versions_of_signatures_are_known(
    serve: Serve, superuser: Connection, version: str
) -> None:
    run, amazon = await start(serve)
    body = sns(notification(), version)
    assert await post(run, "ses", ({}, body)) == 200
    assert await post(run, "ses", ({}, body)) == 200
    assert amazon.fetched == [CERTIFICATE_URL]
    assert count(superuser) == 1


@pytest.mark.parametrize(
    "body",
    [
        sns(notification(), key=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        sns(notification(TopicArn=f"{TOPIC}-other")),
        sns(notification(SignatureVersion="3")),
        sns(notification(SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.test/x.pem")),
        sns(notification(SigningCertURL="http://sns.eu-west-1.amazonaws.com/x.pem")),
        sns(notification(SigningCertURL="https://evil.test/sns.eu-west-1.amazonaws.com/x.pem")),
        sns(notification(SigningCertURL="https://sns.eu-west-1.amazonaws.com@evil.test/x.pem")),
        sns(notification(SigningCertURL="https://s3.eu-west-1.amazonaws.com/bucket/x.pem")),
        sns(notification(SigningCertURL="https://sns.eu-west-1.amazonaws.com/x.txt")),
        sns(notification(Signature="!")),
        sns(notification(), version="2").replace(b'"SignatureVersion": "2"', b'"SignatureVersion": "1"'),
        sns(confirmation(TopicArn=f"{TOPIC}-other")),
    ],
)  # fmt: skip
async def test_sns_wrong_signatures_and_certificates(
    serve: Serve, superuser: Connection, body: bytes
) -> None:
    run, amazon = await start(serve)
    assert await post(run, "ses", ({}, body)) == 401
    assert all(is_of_sns(url) for url in amazon.fetched)
    assert amazon.confirmed == []
    assert count(superuser) == 0


async def test_sns_without_its_certificate_is_asked_to_repeat(serve: Serve) -> None:
    run, amazon = await start(serve)
    amazon.down = True
    assert await post(run, "ses", ses()) == 503


async def test_sns_a_subscription_to_our_topic_is_confirmed(serve: Serve, superuser: Connection) -> None:
    run, amazon = await start(serve)
    assert await post(run, "ses", ({}, sns(confirmation(), "2"))) == 200
    assert amazon.confirmed == [confirmation()["SubscribeURL"]]
    assert count(superuser) == 0


async def test_sns_a_confirmation_that_leads_elsewhere_is_refused(serve: Serve) -> None:
    run, amazon = await start(serve)
    body = sns(confirmation(SubscribeURL="https://evil.test/?Action=ConfirmSubscription"))
    assert await post(run, "ses", ({}, body)) == 401
    assert amazon.confirmed == []


async def test_sns_a_raw_delivery_without_envelope_is_refused(serve: Serve) -> None:
    run, _ = await start(serve)
    assert await post(run, "ses", ({}, json.dumps(SES_BOUNCE).encode())) == 401


async def test_sendgrid_a_signature_of_another_key_is_refused(serve: Serve, superuser: Connection) -> None:
    run, _ = await start(serve)
    assert await post(run, "sendgrid", sendgrid(key=ec.generate_private_key(ec.SECP256R1()))) == 401
    headers, body = sendgrid()
    later = {**headers, "X-Twilio-Email-Event-Webhook-Timestamp": "1793299571"}
    assert await post(run, "sendgrid", (later, body)) == 401
    assert count(superuser) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another-signing-key"},
        {"stamp": "1"},
        {"stamp": str(int(time.time()) + 50_000)},
        {"token": ""},
    ],
)
async def test_mailgun_wrong_signatures(serve: Serve, superuser: Connection, changes: dict[str, str]) -> None:
    run, _ = await start(serve)
    assert await post(run, "mailgun", mailgun(**changes)) == 401
    assert count(superuser) == 0


async def test_mailgun_a_signature_serves_one_body_only(serve: Serve, superuser: Connection) -> None:
    run, _ = await start(serve)
    stamp = str(int(time.time()))
    assert await post(run, "mailgun", mailgun(stamp=stamp)) == 200
    other = {**MAILGUN_FAILED, "recipient": "bob@example.com", "id": "another"}
    assert await post(run, "mailgun", mailgun(other, stamp=stamp)) == 401
    assert await post(run, "mailgun", mailgun(stamp=stamp)) == 200
    assert count(superuser) == 1


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("resend", "whsec_short"), ("resend", "not base64!"), ("postmark", "no-password"), ("postmark", "u:short"), ("ses", "my-topic"),
        ("sendgrid", "abc"), ("sendgrid", base64.b64encode(SNS_KEY.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()), ("mailgun", "too-small"),
    ],
)  # fmt: skip
def test_a_secret_that_nothing_fits_is_refused_without_being_shown(key: str, text: str) -> None:
    environ = {"DREAMLIT_DSN": "postgresql://h/d", f"DREAMLIT_WEBHOOK_{key.upper()}": text}
    with pytest.raises(DreamlitError, match=f"DREAMLIT_WEBHOOK_{key.upper()}") as refusal:
        Config.load(environ=environ)
    assert text not in str(refusal.value)


def test_a_public_key_may_be_given_as_pem() -> None:
    pem = f"-----BEGIN PUBLIC KEY-----\n{SENDGRID[:64]}\n{SENDGRID[64:]}\n-----END PUBLIC KEY-----\n"
    Config.load(environ={"DREAMLIT_DSN": "postgresql://h/d", "DREAMLIT_WEBHOOK_SENDGRID": pem})


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://sns.us-east-1.amazonaws.com/a.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
        ("https://sns.us-gov-west-1.amazonaws.com:443/a.pem", True),
        ("https://SNS.us-east-1.amazonaws.com/a.pem", True),
        ("https://sns.us-east-1.amazonaws.com:8443/a.pem", False),
        ("https://sns.amazonaws.com/a.pem", False),
        ("https://xsns.us-east-1.amazonaws.com/a.pem", False),
        ("https://sns.us-east-1.amazonaws.com\n.evil.test/a.pem", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_which_addresses_are_of_sns(url: str, good: bool) -> None:
    assert is_of_sns(url) == good


def test_certificates_are_kept_for_some_addresses_only() -> None:
    amazon = Sns()
    verifier = SesVerifier(Secret(TOPIC), fetch=amazon.fetch)

    async def many() -> None:
        for number in range(20):
            url = f"https://sns.eu-west-1.amazonaws.com/{number}.pem"
            body = sns(notification(SigningCertURL=url))
            await verifier.verify({}, body)

    asyncio.run(many())
    assert len(verifier._keys) == 16


# Payloads


def only(provider: str, document: Any) -> dict[str, Any]:
    """The one event of a document, its most telling fields."""
    found = events(provider, document)
    assert len(found) == 1
    return found[0]


def events(provider: str, document: Any) -> list[dict[str, Any]]:
    headers, body = SIGNED[provider](document)
    return read_events(provider, headers, body)


def resend_event(kind: str, **data: Any) -> dict[str, Any]:
    changed = {**RESEND_BOUNCED["data"], **data}  # type: ignore[dict-item]
    return {**RESEND_BOUNCED, "type": kind, "data": changed}


@pytest.mark.parametrize(
    ("document", "kind", "bounce"),
    [
        (resend_event("email.delivered"), "delivered", None),
        (resend_event("email.delivery_delayed"), "deferred", None),
        (resend_event("email.complained"), "complained", None),
        (resend_event("email.opened"), "opened", None),
        (
            resend_event("email.bounced", bounce={"type": "Transient", "subType": "MailboxFull"}),
            "bounced",
            "soft",
        ),
        (resend_event("email.bounced", bounce={"type": "Undetermined"}), "bounced", "soft"),
        (resend_event("email.suppressed", suppressed={"message": "x"}), "bounced", "hard"),
    ],
)
def test_resend_kinds(document: Any, kind: str, bounce: str | None) -> None:
    event = only("resend", document)
    assert (event["kind"], event["bounce"], event["message_id"]) == (kind, bounce, 7)
    assert (event["event_id"], event["provider_id"]) == ("msg_1", "56761188-7520-42d8-8898-ff6fc54ce618")


def test_resend_a_click_has_its_link_and_its_own_time() -> None:
    click = {
        "ipAddress": "122.115.53.11",
        "link": "https://resend.com",
        "timestamp": "2026-11-24T05:00:57.163Z",
        "userAgent": "Mozilla/5.0 (Macintosh) Firefox/1",
    }
    tags = [{"name": "dreamlit_message", "value": "9"}]
    event = only("resend", resend_event("email.clicked", click=click, tags=tags))
    assert (event["kind"], event["url"], event["message_id"]) == ("clicked", "https://resend.com", 9)
    assert event["at"].startswith("2026-11-24T05:00:57")
    assert event["machine"] is False


@pytest.mark.parametrize(
    "kind", ["email.sent", "email.scheduled", "email.failed", "contact.created", "domain.updated"]
)
def test_resend_what_says_nothing_of_the_way_is_no_event(kind: str) -> None:
    assert events("resend", resend_event(kind)) == []


@pytest.mark.parametrize(
    ("document", "kind", "bounce"),
    [
        ({**POSTMARK_BOUNCE, "Type": "SoftBounce", "TypeCode": 4096}, "bounced", "soft"),
        ({**POSTMARK_BOUNCE, "Type": "DnsError", "TypeCode": 256}, "bounced", "soft"),
        ({**POSTMARK_BOUNCE, "Type": "BadEmailAddress", "TypeCode": 100000}, "bounced", "hard"),
        ({**POSTMARK_BOUNCE, "Type": "Transient", "TypeCode": 2}, "deferred", None),
        ({**POSTMARK_BOUNCE, "Type": "SpamNotification", "TypeCode": 512}, "complained", None),
        ({**POSTMARK_BOUNCE, "Type": "Unsubscribe", "TypeCode": 16}, "unsubscribed", None),
        ({**POSTMARK_BOUNCE, "RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 100001}, "complained", None),
        (
            {"RecordType": "Delivery", "ServerID": 23, "MessageID": "883953f4", "Recipient": "ann@example.com", "DeliveredAt": "2026-11-05T16:33:54.9070259Z", "Metadata": {"dreamlit_message": "7"}},
            "delivered", None,
        ),
        (
            {"RecordType": "SubscriptionChange", "MessageID": "883953f4", "ChangedAt": "2026-02-01T10:53:34.416071Z", "Recipient": "ann@example.com", "Origin": "Recipient", "SuppressSending": True,
             "SuppressionReason": "ManualSuppression", "Metadata": {"dreamlit_message": "7"}},
            "unsubscribed", None,
        ),
    ],
)  # fmt: skip
def test_postmark_kinds(document: Any, kind: str, bounce: str | None) -> None:
    event = only("postmark", document)
    assert (event["kind"], event["bounce"], event["message_id"]) == (kind, bounce, 7)
    assert event["recipient"] == "ann@example.com"


@pytest.mark.parametrize(
    "document",
    [
        {**POSTMARK_BOUNCE, "Type": "AutoResponder", "TypeCode": 64},
        {
            "RecordType": "SubscriptionChange",
            "MessageID": None,
            "ChangedAt": "2026-02-01T10:53:34Z",
            "Recipient": "a@b.test",
            "SuppressSending": False,
            "SuppressionReason": None,
        },
        {
            "RecordType": "SubscriptionChange",
            "MessageID": None,
            "ChangedAt": "2026-02-01T10:53:34Z",
            "Recipient": "a@b.test",
            "SuppressSending": True,
            "SuppressionReason": "HardBounce",
        },
        {"RecordType": "Inbound"},
    ],
)
def test_postmark_what_is_no_event(document: Any) -> None:
    assert events("postmark", document) == []


def test_postmark_opens_and_clicks() -> None:
    seen = {
        "MessageID": "883953f4",
        "Recipient": "ann@example.com",
        "ReceivedAt": "2026-10-25T15:21:11.9065619Z",
        "Metadata": {"dreamlit_message": "7"},
    }
    agent = "Mozilla/5.0 (Windows NT 10.0) Chrome/1"
    clicked = only(
        "postmark",
        {**seen, "RecordType": "Click", "OriginalLink": "https://example.com/x", "UserAgent": agent},
    )
    opened = only("postmark", {**seen, "RecordType": "Open", "FirstOpen": True, "UserAgent": "Mozilla/5.0"})
    assert (clicked["kind"], clicked["url"], clicked["machine"]) == (
        "clicked",
        "https://example.com/x",
        False,
    )
    assert (opened["kind"], opened["machine"]) == ("opened", True)
    assert clicked["event_id"] != opened["event_id"]


@pytest.mark.parametrize(
    ("change", "kind", "bounce"),
    [
        ({"eventType": "Delivery", "delivery": {"timestamp": "2026-10-19T23:21:04.133Z", "recipients": ["ann@example.com"]}}, "delivered", None),
        ({"eventType": "DeliveryDelay", "deliveryDelay": {"timestamp": "2026-06-16T00:25:40.914Z", "delayType": "TransientCommunicationFailure", "delayedRecipients": [{"emailAddress": "ann@example.com"}]}}, "deferred", None),
        ({"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": "ann@example.com"}], "timestamp": "2026-06-16T00:25:40.914Z"}}, "bounced", "soft"),
        ({"eventType": "Bounce", "bounce": {"bounceType": "Undetermined", "bouncedRecipients": [{"emailAddress": "ann@example.com"}], "timestamp": "2026-06-16T00:25:40.914Z"}}, "bounced", "soft"),
        ({"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "ann@example.com"}], "timestamp": "2026-06-16T00:25:40.914Z", "complaintFeedbackType": "abuse"}}, "complained", None),
        ({"eventType": "Open", "open": {"ipAddress": "192.0.2.1", "timestamp": "2026-08-09T22:00:19.652Z", "userAgent": "Mozilla/5.0 (iPhone)"}}, "opened", None),
        ({"eventType": "Click", "click": {"link": "https://example.com", "timestamp": "2026-08-09T23:50:52.093Z", "userAgent": "Mozilla/5.0 (iPhone)"}}, "clicked", None),
        ({"eventType": "Subscription", "subscription": {"contactList": "L", "timestamp": "2026-01-12T01:00:17.910Z", "source": "UnsubscribeHeader"}}, "unsubscribed", None),
    ],
)  # fmt: skip
def test_ses_kinds(change: Any, kind: str, bounce: str | None) -> None:
    event = only("ses", {"mail": SES_BOUNCE["mail"], **change})
    assert (event["kind"], event["bounce"], event["message_id"], event["recipient"]) == (
        kind,
        bounce,
        7,
        "ann@example.com",
    )


def test_ses_feedback_notifications_without_event_publishing_are_read_too() -> None:
    document = {
        "notificationType": "Bounce",
        "bounce": SES_BOUNCE["bounce"],
        "mail": {**SES_BOUNCE["mail"], "tags": None},
    }  # type: ignore[dict-item]
    event = only("ses", document)
    assert (event["kind"], event["message_id"]) == ("bounced", None)


@pytest.mark.parametrize("kind", ["Send", "Reject", "Rendering Failure"])
def test_ses_what_is_no_event(kind: str) -> None:
    assert events("ses", {"eventType": kind, "mail": SES_BOUNCE["mail"]}) == []


def test_ses_each_bounced_recipient_is_an_event() -> None:
    bounce = {
        **SES_BOUNCE["bounce"],
        "bouncedRecipients": [{"emailAddress": "a@x.test"}, {"emailAddress": "b@x.test"}],
    }  # type: ignore[dict-item]
    found = events("ses", {**SES_BOUNCE, "bounce": bounce})
    assert [event["recipient"] for event in found] == ["a@x.test", "b@x.test"]
    assert len({event["event_id"] for event in found}) == 2


@pytest.mark.parametrize(
    ("change", "kind", "bounce", "machine"),
    [
        ({"event": "delivered", "response": "250 OK"}, "delivered", None, False),
        ({"event": "deferred", "response": "400 try again later", "attempt": "5"}, "deferred", None, False),
        ({"event": "bounce", "type": "blocked"}, "bounced", "soft", False),
        ({"event": "dropped", "reason": "Bounced Address"}, "bounced", "hard", False),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "complained", None, False),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "unsubscribed", None, False),
        ({"event": "spamreport"}, "complained", None, False),
        ({"event": "unsubscribe"}, "unsubscribed", None, False),
        ({"event": "group_unsubscribe", "asm_group_id": 10}, "unsubscribed", None, False),
        ({"event": "open", "useragent": "Mozilla/4.0 (compatible; MSIE 6.1)", "sg_machine_open": False}, "opened", None, False),
        ({"event": "open", "useragent": "Mozilla/4.0 (compatible; MSIE 6.1)", "sg_machine_open": True}, "opened", None, True),
        ({"event": "click", "useragent": "Mozilla/4.0 (compatible; MSIE 6.1)", "url": "http://www.sendgrid.com/"}, "clicked", None, False),
    ],
)  # fmt: skip
def test_sendgrid_kinds(change: Any, kind: str, bounce: str | None, machine: bool) -> None:
    event = only("sendgrid", [{**SENDGRID_BOUNCE, **change}])
    assert (event["kind"], event["bounce"], event["machine"], event["message_id"]) == (
        kind,
        bounce,
        machine,
        7,
    )


def test_sendgrid_what_is_no_event_and_what_is_one_of_many() -> None:
    kinds = ["processed", "group_resubscribe", "account_status_change", "bounce"]
    found = events("sendgrid", [{**SENDGRID_BOUNCE, "event": kind, "sg_event_id": kind} for kind in kinds])
    assert [event["event_id"] for event in found] == ["bounce"]


@pytest.mark.parametrize(
    ("change", "kind", "bounce", "machine"),
    [
        ({"event": "delivered"}, "delivered", None, False),
        ({"severity": "temporary", "reason": "generic"}, "deferred", None, False),
        ({"reason": "suppress-bounce"}, "bounced", "hard", False),
        ({"reason": "suppress-complaint"}, "complained", None, False),
        ({"reason": "suppress-unsubscribe"}, "unsubscribed", None, False),
        ({"reason": "old"}, "bounced", "soft", False),
        ({"event": "complained"}, "complained", None, False),
        ({"event": "unsubscribed"}, "unsubscribed", None, False),
        ({"event": "opened", "client-info": {"user-agent": "Mozilla/5.0 (X11)", "bot": ""}}, "opened", None, False),
        ({"event": "opened", "client-info": {"user-agent": "Mozilla/5.0 (X11)", "bot": "apple"}}, "opened", None, True),
        ({"event": "opened", "client-info": {"user-agent": "x GoogleImageProxy", "bot": "gmail"}}, "opened", None, False),
        ({"event": "clicked", "url": "http://mailgun.com", "client-info": {"user-agent": "Mozilla/5.0 (X11)"}}, "clicked", None, False),
    ],
)  # fmt: skip
def test_mailgun_kinds(change: Any, kind: str, bounce: str | None, machine: bool) -> None:
    event = only("mailgun", {**MAILGUN_FAILED, **change})
    assert (event["kind"], event["bounce"], event["machine"], event["message_id"]) == (
        kind,
        bounce,
        machine,
        7,
    )


@pytest.mark.parametrize("kind", ["accepted", "stored", "rejected"])
def test_mailgun_what_is_no_event(kind: str) -> None:
    assert events("mailgun", {**MAILGUN_FAILED, "event": kind}) == []


@pytest.mark.parametrize("number", ["x", "-1", "7; drop", "9" * 30, None, {"a": 1}])
def test_a_message_id_that_is_none_is_left_out(number: Any) -> None:
    assert only("sendgrid", [{**SENDGRID_BOUNCE, "dreamlit_message": number}])["message_id"] is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        "x",
        {"type": "email.bounced", "data": 7},
        {"type": "email.delivered", "created_at": "x", "data": {}},
    ],
)
def test_what_is_not_as_documented_is_told_as_such(document: Any) -> None:
    with pytest.raises(UnreadableError):
        events("resend", document)

"""Amazon SES: 400s told apart by their type, wherever it stands; quotas; what goes over the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.providers.helpers import KEYS, load, message, provider
from tests.providers.servers import as_json

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config
from dreamlit_sender.providers.settings import SesSettings
from dreamlit_sender.secret import Secret

if TYPE_CHECKING:
    from dreamlit_sender.transport import Outcome

pytestmark = pytest.mark.asyncio


async def answered(status: int, kind: str, text: str = "Something", *, where: str = "header") -> Outcome:
    documents = {
        "header": as_json({"message": text}, status, x_amzn_ErrorType=kind),
        "header with URL": as_json(
            {"message": text}, status, x_amzn_ErrorType=f"{kind}:http://amazon.com/x/"
        ),
        "body": as_json({"__type": f"com.amazonaws.ses#{kind}", "Message": text}, status),
        "code": as_json({"code": kind, "message": text}, status),
    }
    async with provider("ses") as (made, server):
        server.answer = lambda request: documents[where]
        return await made.deliver(message())


@pytest.mark.parametrize(
    ("status", "kind", "fault"),
    [
        (400, "BadRequestException", "recipient"),
        (400, "MessageRejected", "recipient"),
        (400, "ValidationError", "recipient"),
        (413, "RequestEntityTooLargeException", "recipient"),
        (400, "AccountSuspendedException", "configuration"),
        (400, "SendingPausedException", "configuration"),
        (400, "MailFromDomainNotVerifiedException", "configuration"),
        (400, "LimitExceededException", "configuration"),
        (404, "NotFoundException", "configuration"),
        (403, "AccessDeniedException", "configuration"),
        (403, "ExpiredTokenException", "configuration"),
        (403, "IncompleteSignature", "configuration"),
        (403, "InvalidClientTokenId", "configuration"),
        (403, "InvalidSignatureException", "configuration"),
        (403, "SignatureDoesNotMatch", "configuration"),
        (403, "UnrecognizedClientException", "configuration"),
        (403, "OptInRequired", "configuration"),
        (401, "NotAuthorized", "configuration"),
        (400, "RequestExpired", "configuration"),
        (400, "MalformedHttpRequestException", "configuration"),
        (404, "UnknownOperationException", "configuration"),
        (429, "TooManyRequestsException", "transient"),
        (400, "ThrottlingException", "transient"),
        (400, "Throttling", "transient"),
        (408, "RequestTimeoutException", "transient"),
        (503, "ServiceUnavailable", "transient"),
        (400, "RequestAbortedException", "unknown"),
        (500, "InternalFailure", "unknown"),
        (500, "InternalServiceErrorException", "unknown"),
        (400, "SomethingNewException", "recipient"),
        (500, "SomethingNewException", "unknown"),
    ],
)
async def test_every_documented_error_has_its_class(status: int, kind: str, fault: str) -> None:
    outcome = await answered(status, kind)
    assert (outcome.outcome, outcome.fault) == ("failed", fault)
    assert kind in (outcome.error or "")


@pytest.mark.parametrize("where", ["header", "header with URL", "body", "code"])
async def test_the_type_is_found_wherever_it_stands(where: str) -> None:
    outcome = await answered(400, "SendingPausedException", where=where)
    assert (outcome.fault, outcome.code) == ("configuration", "SendingPausedException")
    assert outcome.error == "SendingPausedException: Something"


async def test_a_rejection_for_an_unverified_address_stops_the_channel() -> None:
    text = "Email address is not verified. The following identities failed the check in region EU-WEST-1: x"
    assert (await answered(400, "MessageRejected", text)).fault == "configuration"


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        ("ThrottlingException", "Maximum sending rate exceeded.", "transient"),
        ("TooManyRequestsException", "Maximum sending rate exceeded.", "transient"),
        ("ThrottlingException", "Daily message quota exceeded.", "configuration"),
        ("LimitExceededException", "Daily message quota exceeded.", "configuration"),
    ],
)
async def test_a_days_quota_is_told_apart_from_the_rate(kind: str, text: str, fault: str) -> None:
    assert (await answered(400, kind, text)).fault == fault


async def test_an_error_within_a_200_is_no_success() -> None:
    assert (await answered(200, "MessageRejected")).fault == "recipient"


async def test_the_envelope_the_tag_and_the_configuration_set() -> None:
    async with provider("ses", ses_configuration_set="events") as (made, server):
        outcome = await made.deliver(message(cc=["carl@example.org"], bcc=["dora@example.org"]))
    document = server.requests[0].json
    assert outcome.provider_id == "ses-1"
    assert document["ConfigurationSetName"] == "events"
    assert document["EmailTags"] == [{"Name": "dreamlit_message", "Value": "7"}]
    assert document["Destination"] == {
        "ToAddresses": ["bob@example.org"],
        "CcAddresses": ["carl@example.org"],
        "BccAddresses": ["dora@example.org"],
    }


async def test_a_session_token_is_sent_and_signed() -> None:
    async with provider("ses", ses_session_token="s3ssion") as (made, server):
        assert (await made.deliver(message())).outcome == "sent"
    headers = server.requests[0].headers
    assert headers["x-amz-security-token"] == "s3ssion"
    assert "x-amz-security-token" in headers["authorization"]


async def test_mailboxes_outside_ascii_are_refused_before_they_are_sent() -> None:
    async with provider("ses") as (made, server):
        outcome = await made.deliver(message(to=["bób@example.org"]))
    assert (outcome.fault, outcome.code) == ("recipient", "smtputf8")
    assert server.requests == []


async def test_the_signature_is_made_anew_for_each_request() -> None:
    moments = iter([datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)])
    async with provider("ses") as (made, server):
        made._api._clock = lambda: next(moments)  # type: ignore[attr-defined]
        await made.deliver(message())
        await made.deliver(message())
    assert [request.headers["x-amz-date"] for request in server.requests] == [
        "20260101T100000Z",
        "20260101T110000Z",
    ]


async def test_the_usual_variables_of_aws_serve_if_ses_is_chosen() -> None:
    environ = {
        "DREAMLIT_DSN": "postgresql://x",
        "AWS_REGION": "eu-north-1",
        "AWS_ACCESS_KEY_ID": "AKIDOTHER",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_SESSION_TOKEN": "token",
    }
    assert Config.load(environ=environ).provider is None
    chosen = Config.load(environ={**environ, "DREAMLIT_PROVIDER": "ses"})
    assert chosen.provider is not None
    assert chosen.provider.settings == SesSettings("eu-north-1", "AKIDOTHER", Secret("hush"), Secret("token"))


async def test_half_of_a_login_is_not_completed_from_elsewhere() -> None:
    keys = {key: value for key, value in KEYS["ses"].items() if key != "ses_secret_access_key"}
    with pytest.raises(DreamlitError, match="DREAMLIT_SES_SECRET_ACCESS_KEY must be set"):
        load(provider="ses", **keys)

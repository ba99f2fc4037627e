"""Resend: error names, idempotency keys, batches with mixed results."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from tests.providers.helpers import deliver_many, load, message, provider
from tests.providers.servers import UNVERIFIED, Reply, Request, ResendServer, as_json
from tests.sender.doubles import PATIENCE

from dreamlit_sender.providers.http import batch_key, message_key

if TYPE_CHECKING:
    from dreamlit_sender.transport import Outcome

pytestmark = pytest.mark.asyncio


async def answered(status: int, name: str, text: str = "Something") -> Outcome:
    async with provider("resend") as (made, server):
        reply = as_json({"statusCode": status, "name": name, "message": text}, status)
        server.answer = lambda request: reply
        return await made.deliver(message())


@pytest.mark.parametrize(
    ("status", "name", "fault"),
    [
        (400, "validation_error", "recipient"),
        (422, "validation_error", "recipient"),
        (422, "missing_required_field", "recipient"),
        (422, "invalid_parameter", "recipient"),
        (422, "invalid_attachment", "recipient"),
        (451, "security_error", "recipient"),
        (400, "invalid_idempotency_key", "configuration"),
        (401, "missing_api_key", "configuration"),
        (401, "restricted_api_key", "configuration"),
        (403, "invalid_api_key", "configuration"),
        (403, "validation_error", "configuration"),
        (422, "invalid_from_address", "configuration"),
        (422, "invalid_access", "configuration"),
        (422, "invalid_region", "configuration"),
        (404, "not_found", "configuration"),
        (405, "method_not_allowed", "configuration"),
        (429, "daily_quota_exceeded", "configuration"),
        (429, "monthly_quota_exceeded", "configuration"),
        (429, "rate_limit_exceeded", "transient"),
        (409, "concurrent_idempotent_requests", "transient"),
        (409, "invalid_idempotent_request", "unknown"),
        (500, "application_error", "transient"),
        (500, "internal_server_error", "transient"),
        (200, "validation_error", "recipient"),
        (200, "application_error", "unknown"),
        (418, "a_new_error", "recipient"),
        (599, "a_new_error", "transient"),
    ],
)
async def test_every_documented_error_has_its_class(status: int, name: str, fault: str) -> None:
    outcome = await answered(status, name)
    assert (outcome.outcome, outcome.fault) == ("failed", fault)
    assert name in (outcome.error or "")


@pytest.mark.parametrize(
    "text",
    [
        "Invalid `from` field. The email address needs to follow the `email@example.com` format.",
        "The sender.test domain is not verified. Please, add and verify your domain.",
        "You can only send testing emails to your own email address (you@x.test).",
    ],
)
async def test_a_validation_error_about_the_account_stops_the_channel(text: str) -> None:
    assert (await answered(422, "validation_error", text)).fault == "configuration"


async def test_a_message_goes_out_under_a_key_of_its_own_at_every_attempt() -> None:
    async with provider("resend") as (made, server):
        first = await made.deliver(message(7, attempt=1))
        again = await made.deliver(message(7, attempt=2))
        await made.deliver(message(8))
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0].startswith("dreamlit-7-")
    assert first == again
    assert len(server.delivered) == 2


async def test_an_interrupted_delivery_that_is_tried_again_arrives_once() -> None:
    async with provider("resend") as (made, server):
        server.lost_answers = 1
        assert (await made.deliver(message(7, attempt=1))).fault == "transient"
        assert (await made.deliver(message(7, attempt=2))).outcome == "sent"
    assert len(server.delivered) == 1


async def test_the_same_id_of_another_database_has_another_key() -> None:
    assert message_key(message(7)) != message_key(message(7, text="Good evening"))
    assert len(message_key(message(2**62))) <= 256


async def test_a_from_that_changed_between_two_attempts_leaves_a_doubt() -> None:
    async with provider("resend") as (made, server):
        server.lost_answers = 1
        await made.deliver(message(7, attempt=1))
        made._from = "Ann B. <ann@sender.test>"
        outcome = await made.deliver(message(7, attempt=2))
    assert (outcome.fault, outcome.code) == ("unknown", "invalid_idempotent_request")
    assert len(server.delivered) == 1


async def test_a_batch_is_one_request() -> None:
    async with provider("resend") as (made, server):
        messages = [message(number, to=[f"u{number}@example.org"]) for number in range(1, 101)]
        outcomes = await deliver_many(made, messages)
    [request] = server.requests
    assert request.path == "/emails/batch"
    assert request.headers["x-batch-validation"] == "permissive"
    assert [outcome.provider_id for outcome in outcomes if outcome] == [f"re-{n}" for n in range(1, 101)]
    assert [entry["tags"][0]["value"] for entry in request.json] == [str(n) for n in range(1, 101)]


async def test_a_batch_with_mixed_results_gives_each_message_its_own() -> None:
    async with provider("resend") as (made, server):
        messages = [
            message(1, to=["invalid@example.org"]),
            message(2),
            message(3, **{"from": f"x@{UNVERIFIED}"}),
            message(4, to=["nobody"]),
            message(5),
        ]
        outcomes = await deliver_many(made, messages)
    assert [(one.outcome, one.fault, one.provider_id) for one in outcomes if one] == [
        ("failed", "recipient", None),
        ("sent", None, "re-1"),
        ("failed", "configuration", None),
        ("failed", "recipient", None),
        ("sent", None, "re-2"),
    ]
    [request] = server.requests
    assert len(request.json) == 4, "what is unfit does not leave the house"


async def test_a_batch_refused_as_a_whole_for_one_message_is_halved() -> None:
    class Strict(ResendServer):
        def usual(self, request: Request) -> Reply:
            headers = {**request.headers, "x-batch-validation": "strict"}
            return super().usual(Request(request.path, headers, request.body))

    strict = Strict()
    async with provider("resend") as (made, server):
        server.answer = strict.usual
        messages = [message(n, to=["invalid@x.org" if n == 5 else f"u{n}@x.org"]) for n in range(8)]
        outcomes = await deliver_many(made, messages)
    assert [one.fault for one in outcomes if one] == [None] * 5 + ["recipient"] + [None] * 2
    assert len(strict.delivered) == 7


async def test_a_lost_answer_to_a_batch_is_asked_for_again_with_the_same_key() -> None:
    async with provider("resend") as (made, server):
        server.lost_answers = 1
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.outcome for one in outcomes if one] == ["sent", "sent"]
    assert len(server.delivered) == 2
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1


async def test_a_batch_whose_answers_stay_away_leaves_a_doubt() -> None:
    async with provider("resend") as (made, server):
        server.lost_answers = 10
        messages = [message(1), message(2)]
        outcomes = await deliver_many(made, messages)
    assert [one.fault for one in outcomes if one] == ["unknown", "unknown"]
    assert all(one.handover.may_have_begun and not one.handover.repeatable for one in messages)
    assert len(server.requests) == 3


@pytest.mark.parametrize("second", [429, 503, 401, None])
async def test_a_doubt_about_a_batch_outlives_a_refusal_that_says_nothing_of_it(second: int | None) -> None:
    async with provider("resend") as (made, server):
        real = ResendServer()

        def answer(request: Request) -> Reply | None:
            if len(server.requests) == 1:
                real.usual(request)
                return None
            return None if second is None else (second, {}, b"")

        server.answer = answer
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.fault for one in outcomes if one] == ["unknown", "unknown"]
    assert len(real.delivered) == 2


async def test_a_doubt_about_a_batch_is_cleared_by_a_refusal_of_its_content() -> None:
    """Had it been accepted, the key would have brought that answer back."""
    async with provider("resend") as (made, server):
        real = ResendServer()

        def answer(request: Request) -> Reply | None:
            if len(server.requests) == 1:
                return None
            if request.path == "/emails/batch":
                return server.error(422, "One of them is wrong")
            return real.usual(request)

        server.answer = answer
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.outcome for one in outcomes if one] == ["sent", "sent"]
    assert len(real.delivered) == 2


async def test_a_rate_limited_batch_waits_a_moment_and_stays_a_batch() -> None:
    async with provider("resend") as (made, server):
        real = ResendServer()

        def answer(request: Request) -> Reply:
            if len(server.requests) == 1:
                return as_json({"name": "rate_limit_exceeded", "message": "Slow"}, 429, retry_after="0")
            return real.usual(request)

        server.answer = answer
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.outcome for one in outcomes if one] == ["sent", "sent"]
    assert len(server.requests) == 2


async def test_a_long_rate_limit_is_given_to_the_database_at_once() -> None:
    async with provider("resend") as (made, server):
        reply = as_json({"name": "rate_limit_exceeded", "message": "Slow"}, 429, retry_after="60")
        server.answer = lambda request: reply
        messages = [message(1), message(2)]
        outcomes = await deliver_many(made, messages)
    assert [(one.fault, one.retry_after) for one in outcomes if one] == [("transient", 60.0)] * 2
    assert len(server.requests) == 1
    assert not any(one.handover.may_have_begun for one in messages)


async def test_a_used_up_quota_stops_the_channel_without_a_second_try() -> None:
    async with provider("resend") as (made, server):
        reply = as_json({"name": "daily_quota_exceeded", "message": "You have reached your quota"}, 429)
        server.answer = lambda request: reply
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.fault for one in outcomes if one] == ["configuration"] * 2
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"data": []},
        {"data": [{"id": "a"}]},
        {"data": [{"id": "a"}, {"id": "b"}, {"id": "c"}]},
        {"data": [{"id": "a"}], "errors": [{"index": 9, "message": "x"}]},
        {"data": [{"id": "a"}, {"id": "b"}], "errors": [{"index": 0, "message": "x"}]},
        {"error": "x"},
        [],
    ],
)
async def test_an_answer_that_does_not_fit_its_batch_leaves_a_doubt(document: object) -> None:
    async with provider("resend") as (made, server):
        server.answer = lambda request: as_json(document)
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.fault for one in outcomes if one] == ["unknown", "unknown"]


async def test_what_was_tried_before_goes_alone_under_its_own_key() -> None:
    """Its first attempt may have been accepted under that key, which a batch would not know of."""
    async with provider("resend") as (made, server):
        server.lost_answers = 1
        await made.deliver(message(2, attempt=1))
        outcomes = await deliver_many(made, [message(1), message(2, attempt=2), message(3)])
    assert [one.outcome for one in outcomes if one] == ["sent"] * 3
    assert [request.path for request in server.requests] == ["/emails", "/emails/batch", "/emails"]
    assert len(server.delivered) == 3


async def test_after_a_rate_limit_the_rest_is_not_handed_over() -> None:
    async with provider("resend") as (made, server):
        reply = as_json({"name": "rate_limit_exceeded", "message": "Slow"}, 429, retry_after="60")
        server.answer = lambda request: reply
        messages = [message(number, attempt=2) for number in (1, 2, 3)]
        outcomes = await deliver_many(made, messages)
    assert [one and one.fault for one in outcomes] == ["transient", None, None]
    assert [one.handover.may_have_begun for one in messages] == [True, False, False]
    assert len(server.requests) == 1


async def test_a_cancelled_batch_keeps_what_is_known() -> None:
    """Of three that go alone the second hangs: the first is sent, the third has not begun."""
    reached = asyncio.Event()
    real = ResendServer()

    async def answer(request: Request) -> Reply | None:
        if request.json["tags"][0]["value"] == "2":
            reached.set()
            await asyncio.Event().wait()
        return real.usual(request)

    async with provider("resend") as (made, server):
        server.answer = answer
        messages = [message(number, attempt=2) for number in (1, 2, 3)]
        task = asyncio.create_task(made.deliver_many(messages))
        async with asyncio.timeout(PATIENCE):
            await reached.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    outcome = messages[0].handover.outcome
    assert outcome is not None
    assert outcome.outcome == "sent"
    assert [one.handover.may_have_begun for one in messages] == [True, True, False]
    assert messages[1].handover.outcome is None


async def test_one_message_a_request_where_every_delivery_must_be_repeatable() -> None:
    async with provider("resend", provider_batch="1") as (made, server):
        assert made.idempotent
        assert made.batch == 1
        await deliver_many(made, [message(1)])
    assert [request.path for request in server.requests] == ["/emails"]
    async with provider("resend") as (made, _):
        assert not made.idempotent
        assert made.batch == 100


async def test_a_batch_is_never_larger_than_the_provider_takes() -> None:
    async with provider("resend", provider_batch="5000") as (made, _):
        assert made.batch == 100


async def test_the_order_makes_the_key_of_a_batch() -> None:
    one, two = message(1), message(2)
    assert batch_key([one, two]) == batch_key([message(1), message(2)])
    assert batch_key([one, two]) != batch_key([two, one])
    assert len(batch_key([one] * 100)) <= 256


async def test_the_api_key_is_redacted_if_the_provider_quotes_it() -> None:
    config = load(provider="resend", resend_api_key="re_secret_key")
    outcome = await answered(403, "invalid_api_key", "API key re_secret_key is invalid")
    assert "re_secret_key" not in config.redactor()(json.dumps(outcome.error))


async def test_a_batch_cancelled_while_it_is_read_was_handed_over_to_nobody() -> None:
    async with provider("resend") as (made, server):
        sent = [message(number) for number in range(1, 31)]
        task = asyncio.create_task(made.deliver_many(sent))
        await asyncio.sleep(0)  # its first step: it reads a few and lets others have their turn
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert not server.delivered
    assert not any(one.handover.may_have_begun for one in sent)

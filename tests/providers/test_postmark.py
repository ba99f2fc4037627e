"""Postmark: error codes, and batches that are 200 though some of their messages are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.providers.helpers import deliver_many, message, provider
from tests.providers.servers import UNVERIFIED, Reply, Request, as_json

if TYPE_CHECKING:
    from dreamlit_sender.transport import Outcome

pytestmark = pytest.mark.asyncio

CODES = [
    (10, "configuration"),
    (100, "transient"),
    (300, "recipient"),
    (400, "configuration"),
    (401, "configuration"),
    (402, "recipient"),
    (403, "recipient"),
    (405, "configuration"),
    (406, "recipient"),
    (409, "configuration"),
    (410, "recipient"),
    (411, "recipient"),
    (412, "configuration"),
    (413, "configuration"),
    (429, "transient"),
    (1235, "configuration"),
    (9999, "recipient"),
]


async def answered(document: Any, status: int = 422, **headers: str) -> Outcome:
    async with provider("postmark") as (made, server):
        reply = as_json(document, status, **headers)
        server.answer = lambda request: reply
        return await made.deliver(message())


@pytest.mark.parametrize(("code", "fault"), CODES)
async def test_every_documented_error_code_has_its_class(code: int, fault: str) -> None:
    outcome = await answered({"ErrorCode": code, "Message": "Something"})
    assert (outcome.outcome, outcome.fault, outcome.code) == ("failed", fault, str(code))


@pytest.mark.parametrize(("code", "fault"), CODES)
async def test_the_same_codes_within_a_batch_that_is_200(code: int, fault: str) -> None:
    answers = [
        {"ErrorCode": 0, "Message": "OK", "MessageID": "a"},
        {"ErrorCode": code, "Message": "Something"},
        {"ErrorCode": 0, "Message": "OK", "MessageID": "b"},
    ]
    async with provider("postmark") as (made, server):
        server.answer = lambda request: as_json(answers)
        outcomes = await deliver_many(made, [message(1), message(2), message(3)])
    assert [(one.outcome, one.fault, one.provider_id) for one in outcomes if one] == [
        ("sent", None, "a"),
        ("failed", fault, None),
        ("sent", None, "b"),
    ]


async def test_an_error_within_a_200_is_no_success() -> None:
    outcome = await answered({"ErrorCode": 406, "Message": "Inactive"}, 200)
    assert (outcome.outcome, outcome.fault) == ("failed", "recipient")


@pytest.mark.parametrize("text", ["Invalid 'From' address: 'x'.", "The Sender signature is not confirmed"])
async def test_an_invalid_from_stops_the_channel(text: str) -> None:
    assert (await answered({"ErrorCode": 300, "Message": text})).fault == "configuration"


async def test_an_inactive_recipient_is_the_recipients_fault() -> None:
    async with provider("postmark") as (made, server):
        outcome = await made.deliver(message(to=["inactive@example.org"]))
    assert (outcome.fault, outcome.code) == ("recipient", "406")
    assert server.delivered == []


async def test_a_copy_that_is_inactive_is_noted_with_the_success() -> None:
    async with provider("postmark") as (made, server):
        outcome = await made.deliver(message(cc=["inactive@example.org"]))
    assert outcome.outcome == "sent"
    assert "inactive@example.org" in (outcome.error or "")
    assert server.delivered[0].recipients == {"bob@example.org"}


async def test_a_batch_of_five_hundred_is_one_request() -> None:
    async with provider("postmark") as (made, server):
        assert made.batch == 500
        assert not made.idempotent
        outcomes = await deliver_many(made, [message(number) for number in range(500)])
    assert {one.outcome for one in outcomes if one} == {"sent"}
    assert [request.path for request in server.requests] == ["/email/batch"]
    assert [one.provider_id for one in outcomes if one] == [f"pm-{n}" for n in range(1, 501)]


async def test_a_batch_with_mixed_results_gives_each_message_its_own() -> None:
    async with provider("postmark") as (made, server):
        messages = [
            message(1, to=["inactive@example.org"]),
            message(2),
            message(3, to=["invalid@example.org"]),
            message(4, **{"from": f"x@{UNVERIFIED}"}),
            message(5, to=["bób@example.org"]),
            message(6),
        ]
        outcomes = await deliver_many(made, messages)
    assert [(one.fault, one.code) for one in outcomes if one] == [
        ("recipient", "406"),
        (None, None),
        ("recipient", "300"),
        ("configuration", "400"),
        ("recipient", "smtputf8"),
        (None, None),
    ]
    assert len(server.delivered) == 2


async def test_what_was_tried_before_may_share_a_batch() -> None:
    async with provider("postmark") as (made, server):
        await deliver_many(made, [message(1, attempt=3), message(2)])
    assert len(server.requests) == 1


async def test_a_batch_that_is_too_large_is_halved() -> None:
    async with provider("postmark") as (made, server):

        def answer(request: Request) -> Reply:
            if request.path == "/email/batch" and len(request.json) > 2:
                return 413, {"Content-Type": "text/html"}, b"<html>Payload Too Large</html>"
            return server.usual(request)

        server.answer = answer
        outcomes = await deliver_many(made, [message(number) for number in range(8)])
    assert {one.outcome for one in outcomes if one} == {"sent"}
    assert len(server.delivered) == 8


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [(401, 10, "configuration"), (422, 405, "configuration"), (503, 100, "transient")],
)
async def test_a_batch_refused_for_the_account_is_not_tried_in_parts(
    status: int, code: int, fault: str
) -> None:
    async with provider("postmark") as (made, server):
        server.answer = lambda request: as_json({"ErrorCode": code, "Message": "No"}, status)
        outcomes = await deliver_many(made, [message(number) for number in range(4)])
    assert [one.fault for one in outcomes if one] == [fault] * 4
    assert len(server.requests) == 1


async def test_a_lost_answer_to_a_batch_leaves_a_doubt_and_nothing_is_repeated() -> None:
    async with provider("postmark") as (made, server):
        server.lost_answers = 1
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.fault for one in outcomes if one] == ["unknown", "unknown"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answers", [[], [{"ErrorCode": 0, "MessageID": "a"}], [{"ErrorCode": 0}] * 3, {}, None, "OK"]
)
async def test_an_answer_that_does_not_fit_its_batch_leaves_a_doubt(answers: Any) -> None:
    async with provider("postmark") as (made, server):
        server.answer = lambda request: as_json(answers)
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.fault for one in outcomes if one] == ["unknown", "unknown"]


async def test_an_odd_entry_of_a_batch_is_in_doubt_alone() -> None:
    async with provider("postmark") as (made, server):
        server.answer = lambda request: as_json([{"ErrorCode": 0, "MessageID": "a"}, "what?"])
        outcomes = await deliver_many(made, [message(1), message(2)])
    assert [one.fault for one in outcomes if one] == [None, "unknown"]


async def test_the_message_stream_is_named_if_it_is_configured() -> None:
    async with provider("postmark", postmark_stream="broadcast") as (made, server):
        await made.deliver(message())
    assert server.requests[0].json["MessageStream"] == "broadcast"
    async with provider("postmark") as (made, server):
        await made.deliver(message())
    assert "MessageStream" not in server.requests[0].json

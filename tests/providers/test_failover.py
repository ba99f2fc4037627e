"""Two providers: the second delivers while the first is out, and nothing goes to both."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.providers.helpers import KEYS, load, message, transport
from tests.providers.servers import SERVERS, ProviderServer, Reply
from tests.sender.doubles import raw_server
from tests.sender.test_breaker import Clock

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.breaker import Breaker
from dreamlit_sender.config import SmtpConfig
from dreamlit_sender.failover import Branch, FailoverTransport
from dreamlit_sender.loop import build_transports
from dreamlit_sender.providers import ProviderConfig
from dreamlit_sender.transport import Message, Outcome

DOWN: Reply = (503, {}, b"maintenance")
REVOKED: Reply = (401, {}, json.dumps({"name": "invalid_api_key", "message": "gone"}).encode())
LIMITED: Reply = (429, {"Retry-After": "60"}, json.dumps({"name": "rate_limit_exceeded"}).encode())
BUSY: Reply = (500, {}, b"oops")


@dataclass
class Pair:
    """Resend first, Postmark second, and the clock of their breakers."""

    made: FailoverTransport
    first: ProviderServer
    second: ProviderServer
    clock: Clock

    def answer(self, first: Reply | None = None, second: Reply | None = None) -> None:
        """What the servers answer instead of their own."""
        self.first.answer = None if first is None else lambda request: first
        self.second.answer = None if second is None else lambda request: second

    def counts(self) -> tuple[int, int]:
        """How many messages each has accepted."""
        return len(self.first.delivered), len(self.second.delivered)

    async def send(self, count: int = 1, **more: object) -> list[Outcome]:
        """Deliver messages one after the other."""
        return [await self.made.deliver(message(number, **more)) for number in range(count)]


@asynccontextmanager
async def pair(first: str = "resend", second: str = "postmark") -> AsyncGenerator[Pair, None]:
    one, two, clock = SERVERS[first](), SERVERS[second](), Clock()

    def breaker() -> Breaker:
        return Breaker(failures=3, cooldown=10.0, clock=clock, jitter=lambda: 0.5)

    async with raw_server(one.talk) as here, raw_server(two.talk) as there:
        made = FailoverTransport(
            Branch(first, transport(first, here), breaker()),
            Branch(second, transport(second, there), breaker()),
        )
        try:
            yield Pair(made, one, two, clock)
        finally:
            await made.aclose()


async def test_as_long_as_the_first_works_the_second_is_not_asked() -> None:
    async with pair() as both:
        outcomes = await both.send(3)
        assert both.counts() == (3, 0)
        assert {one.provider for one in outcomes} == {"resend"}


async def test_after_failures_in_a_row_messages_go_by_the_second() -> None:
    async with pair() as both:
        both.answer(DOWN)
        outcomes = await both.send(4)
        assert [(one.outcome, one.provider) for one in outcomes] == [
            ("failed", "resend"),
            ("failed", "resend"),
            ("sent", "postmark"),
            ("sent", "postmark"),
        ]
        assert len(both.first.requests) == 3
        assert both.made.provider == "postmark"


async def test_a_refusal_of_the_configuration_goes_by_the_second_at_once_and_says_why() -> None:
    async with pair() as both:
        both.answer(REVOKED)
        (outcome,) = await both.send()
        assert (outcome.outcome, outcome.provider) == ("sent", "postmark")
        assert outcome.error is not None
        assert "resend: invalid_api_key" in outcome.error


async def test_a_rate_limit_of_the_first_sends_by_the_second_until_it_is_over() -> None:
    async with pair() as both:
        both.answer(LIMITED)
        await both.send(2)
        assert (len(both.first.requests), both.counts()) == (1, (0, 2))
        both.answer()
        both.clock.now += 61
        await both.send(2)
        assert both.counts() == (2, 2)


async def test_after_the_cool_down_a_good_probe_brings_the_first_back() -> None:
    async with pair() as both:
        both.answer(DOWN)
        await both.send(3)
        both.answer()
        both.clock.now += 10
        await both.send(2)
        assert both.counts() == (2, 1)
        assert both.made.provider == "resend"


async def test_a_bad_probe_goes_by_the_second_and_the_first_is_left_alone_again() -> None:
    async with pair() as both:
        both.answer(DOWN)
        await both.send(3)
        both.clock.now += 10
        outcomes = await both.send(2)
        assert [one.provider for one in outcomes] == ["postmark"] * 2
        assert len(both.first.requests) == 4


async def test_of_a_batch_one_is_the_probe_and_the_others_go_by_the_second() -> None:
    async with pair() as both:
        both.answer(DOWN)
        await both.send(3)
        both.answer()
        both.clock.now += 10
        batch = [message(number) for number in range(10, 15)]
        await both.made.deliver_many(batch)
        assert both.counts() == (1, 1 + 4)
        assert all(one.handover.outcome and one.handover.outcome.outcome == "sent" for one in batch)


async def test_with_both_out_the_channel_is_stopped_and_both_errors_are_told() -> None:
    async with pair() as both:
        both.answer(DOWN, DOWN)
        await both.send(9)
        asked = len(both.first.requests), len(both.second.requests)
        (outcome,) = await both.send()
        assert (outcome.fault, outcome.code) == ("configuration", "providers_out")
        assert outcome.error is not None
        assert "resend: 503" in outcome.error
        assert "postmark: 503" in outcome.error
        assert outcome.retry_after is not None
        assert 0 < outcome.retry_after <= 10
        assert (len(both.first.requests), len(both.second.requests)) == asked


async def test_a_fault_of_the_configuration_of_both_stays_one() -> None:
    async with pair() as both:
        both.answer(REVOKED, (401, {}, b'{"ErrorCode": 10, "Message": "no token"}'))
        (outcome,) = await both.send()
        assert outcome.fault == "configuration"
        assert outcome.error is not None
        assert "invalid_api_key" in outcome.error


async def test_what_the_recipient_is_at_fault_for_goes_nowhere_else() -> None:
    async with pair() as both:
        body = json.dumps({"name": "validation_error", "message": "Invalid `to` field"}).encode()
        both.answer((422, {}, body))
        outcomes = await both.send(5)
        assert {(one.fault, one.provider) for one in outcomes} == {("recipient", "resend")}
        assert both.second.requests == []


# Doubt


async def test_what_the_first_may_have_taken_never_goes_to_the_second() -> None:
    async with pair("postmark", "sendgrid") as both:
        both.first.lost_answers = 5
        outcomes = await both.send(3)
        assert {(one.fault, one.provider) for one in outcomes} == {("unknown", "postmark")}
        assert both.second.requests == []


async def test_what_the_first_may_have_taken_and_would_know_again_is_in_doubt() -> None:
    async with pair() as both:
        both.answer(BUSY)
        outcomes = await both.send(3)
        assert {(one.fault, one.doubtful, one.provider) for one in outcomes} == {
            ("transient", True, "resend")
        }
        assert both.second.requests == []


async def test_answers_that_leave_a_doubt_open_the_breaker_for_other_messages() -> None:
    async with pair() as both:
        both.answer(BUSY)
        await both.send(3)
        assert (await both.made.deliver(message(77))).provider == "postmark"


@pytest.mark.parametrize("asked_of", ["resend", "postmark"])
async def test_a_message_in_doubt_goes_to_the_provider_that_may_have_it_even_if_that_is_out(
    asked_of: str,
) -> None:
    async with pair() as both:
        both.answer(DOWN, DOWN)
        await both.send(9)
        both.answer()
        again = Message(5, 2, message(5).content, asked_of=asked_of)
        assert (await both.made.deliver(again)).provider == asked_of
        assert both.counts() == ((1, 0) if asked_of == "resend" else (0, 1))


async def test_a_message_in_doubt_does_not_go_on_when_its_provider_refuses() -> None:
    async with pair() as both:
        both.answer(REVOKED)
        outcome = await both.made.deliver(Message(5, 2, message(5).content, asked_of="resend"))
        assert (outcome.fault, outcome.provider) == ("configuration", "resend")
        assert both.second.requests == []


# Configuration


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({**KEYS["resend"], **KEYS["postmark"], "provider_fallback": "postmark"}, ("resend", "postmark")),
        ({**KEYS["ses"], "smtp_url": "smtp://localhost", "provider_fallback": "smtp"}, ("ses", "smtp")),
        ({"smtp_url": "smtp://localhost", **KEYS["ses"], "provider_fallback": "ses"}, ("smtp", "ses")),
        ({"smtp_url": "smtp://a", "smtp_fallback_url": "smtp://b"}, ("smtp", "smtp_fallback")),
        ({**KEYS["mailgun"], "smtp_fallback_url": "smtp://b"}, ("mailgun", "smtp")),
    ],
)
async def test_two_providers_are_configured(keys: dict[str, str], names: tuple[str, str]) -> None:
    made = build_transports(load(**keys))["email"]
    assert isinstance(made, FailoverTransport)
    assert made.providers == names
    await made.aclose()


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({**KEYS["resend"], "provider_fallback": "postmark"}, "DREAMLIT_POSTMARK_TOKEN must be set"),
        (
            {**KEYS["resend"], "provider": "resend", "provider_fallback": "resend"},
            "the first provider already",
        ),
        ({**KEYS["resend"], "provider_fallback": "resend"}, "nothing says which delivers first"),
        ({"smtp_url": "smtp://a", "provider_fallback": "smtp"}, "no SMTP server to fall back to"),
        ({"smtp_fallback_url": "smtp://b"}, "nothing that delivers first"),
        (
            {**KEYS["resend"], **KEYS["ses"], "provider_fallback": "ses", "smtp_fallback_url": "smtp://b"},
            "name two to fall back to",
        ),
    ],
)
def test_a_second_that_is_none_is_refused(keys: dict[str, str], wrong: str) -> None:
    with pytest.raises(DreamlitError, match=wrong):
        load(**keys)


@pytest.mark.usefixtures("_elsewhere")
def test_the_secrets_of_the_second_are_taken_out_of_texts() -> None:
    config = load(**KEYS["resend"], smtp_fallback_url="smtp://me:hidden-word@b:25")
    assert "hidden-word" not in config.redactor()("the password is hidden-word")
    config = load(**KEYS["resend"], **KEYS["postmark"], provider_fallback="postmark")
    assert isinstance(config.fallback, ProviderConfig)
    assert "pm-secret-token" not in config.redactor()("pm-secret-token")


@pytest.mark.usefixtures("_elsewhere")
def test_the_second_server_keeps_its_own_url() -> None:
    config = load(smtp_url="smtp://a:25", smtp_fallback_url="smtp://b:26")
    assert isinstance(config.fallback, SmtpConfig)
    assert (config.fallback.host, config.fallback.port) == ("b", 26)

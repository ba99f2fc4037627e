"""What a lane says of providers that take each message once, and what it does with messages in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.sender.doubles import FakeDatabase, FakeTransport
from tests.sender.test_lane import lane, run_until

from dreamlit_sender.transport import Message, Outcome


class Keyed(FakeTransport):
    """A provider that takes each message once."""

    batch = 1
    idempotent = True
    provider = "keyed"
    providers = ("keyed",)

    async def deliver_many(self, messages: Sequence[Message]) -> None:
        raise NotImplementedError


def _results(database: FakeDatabase) -> list[dict[str, Any]]:
    return [result for event in database.history if event[0] == "report" for result in event[1]]


async def test_a_start_with_an_idempotent_provider_says_so() -> None:
    database = FakeDatabase()
    database.add(1)
    await run_until(lane(database, Keyed(database)), database, lambda: database.states() == ["sent"])
    started = _results(database)[0]
    assert (started["outcome"], started["idempotent"], started["provider"]) == ("started", True, "keyed")


async def test_a_start_with_any_other_does_not() -> None:
    database = FakeDatabase()
    database.add(1)
    await run_until(lane(database, FakeTransport(database)), database, lambda: database.states() == ["sent"])
    assert "idempotent" not in _results(database)[0]


async def test_a_repeatable_delivery_cut_short_is_reported_as_doubtful() -> None:
    database = FakeDatabase()

    async def cut(message: Message) -> Outcome:
        message.handover.repeatable = True
        message.handover.provider = "keyed"
        raise RuntimeError("cut")

    database.add(1)
    database.rows[1].retry = False
    one = lane(database, Keyed(database, cut))
    await run_until(one, database, lambda: database.states() == ["waiting"])
    failed = _results(database)[-1]
    assert (failed["fault"], failed["doubtful"], failed["provider"]) == ("transient", True, "keyed")


async def test_a_message_that_another_provider_may_have_is_not_delivered() -> None:
    database = FakeDatabase()
    transport = Keyed(database)
    database.add(2)
    database.rows[1].asked_of = "stranger"
    database.rows[2].asked_of = "keyed"
    one = lane(database, transport)
    await run_until(one, database, lambda: database.states() == ["uncertain", "sent"])
    assert transport.delivered == [2]
    (failed,) = [result for result in _results(database) if result["outcome"] == "failed"]
    assert failed["code"] == "asked_of"
    assert "stranger may have taken it" in failed["error"]

"""A lane with a transport that takes several messages in one request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.providers.helpers import provider
from tests.sender.doubles import PATIENCE, FakeDatabase, eventually

from dreamlit_sender.backoff import Backoff
from dreamlit_sender.lane import Lane, LaneOptions
from dreamlit_sender.secret import Redactor
from dreamlit_sender.transport import BatchTransport, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from dreamlit_sender.transport import Message, Transport

pytestmark = pytest.mark.asyncio


class Batches:
    """Takes up to `batch` messages; `behave` may settle them itself, or fail."""

    idempotent = False

    def __init__(
        self,
        database: FakeDatabase,
        *,
        batch: int = 10,
        behave: Callable[[Sequence[Message]], Awaitable[None]] | None = None,
    ) -> None:
        self.database = database
        self.batch = batch
        self.behave = behave
        self.handed_over: list[list[int]] = []
        self.unagreed: list[int] = []

    async def deliver(self, message: Message) -> Outcome:
        await self.deliver_many([message])
        assert message.handover.outcome is not None
        return message.handover.outcome

    async def deliver_many(self, messages: Sequence[Message]) -> None:
        for message in messages:
            message.handover.not_yet()
        await self.database.pass_by("deliver", messages)
        rows = self.database.rows
        self.unagreed += [one.message_id for one in messages if rows[one.message_id].state != "sending"]
        self.handed_over.append([one.message_id for one in messages])
        self.database.note("delivered")
        if self.behave is not None:
            await self.behave(messages)
            return
        for message in messages:
            message.handover.begins()
            message.handover.outcome = Outcome.sent(provider="fake", provider_id=f"p{message.message_id}")

    async def aclose(self) -> None:
        """Nothing to give back."""


def lane(database: FakeDatabase, transport: Transport, **options: Any) -> Lane:
    chosen = {"concurrency": 4, "chunk": 100, "poll": 60.0, "flush": 0.001, **options}
    return Lane(
        "email",
        database=database,
        transport=transport,
        options=LaneOptions(**chosen),
        redact=Redactor(["hush-hush"]),
        backoff=Backoff(first=0.001, cap=0.01),
    )


async def run_until(one: Lane, database: FakeDatabase, condition: Callable[[], object]) -> None:
    task = asyncio.create_task(one.run())
    await eventually(condition, database)
    one.stop()
    async with asyncio.timeout(PATIENCE):
        await task


async def test_the_start_of_a_whole_batch_is_reported_before_it_is_handed_over() -> None:
    database = FakeDatabase()
    transport = Batches(database)
    assert isinstance(transport, BatchTransport)
    ids = database.add(35)
    await run_until(lane(database, transport), database, lambda: set(database.states()) == {"sent"})
    assert transport.unagreed == []
    assert sorted(sum(transport.handed_over, [])) == ids  # noqa: RUF017
    assert max(map(len, transport.handed_over)) == 10
    assert database.rows[3].result["provider_id"] == "p3"


async def test_a_batch_is_filled_however_few_are_claimed_for_other_transports() -> None:
    database = FakeDatabase()
    transport = Batches(database)
    database.add(20)
    await run_until(lane(database, transport, chunk=1), database, lambda: set(database.states()) == {"sent"})
    assert [len(batch) for batch in transport.handed_over] == [10, 10]


async def test_only_those_of_a_batch_that_come_back_as_sending_are_handed_over() -> None:
    database = FakeDatabase()
    transport = Batches(database)
    database.add(6)

    async def cancel_two(name: str, what: Any) -> None:
        if name == "report":
            for message_id in (2, 5):
                if database.rows[message_id].state == "claimed":
                    database.rows[message_id].state = "cancelled"

    database.point = cancel_two
    await run_until(lane(database, transport), database, lambda: database.states().count("sent") == 4)
    assert transport.handed_over == [[1, 3, 4, 6]]


async def test_each_message_of_a_batch_has_its_own_outcome() -> None:
    database = FakeDatabase()

    async def mixed(messages: Sequence[Message]) -> None:
        for message, fault in zip(messages, (None, "recipient", "unknown", "configuration"), strict=True):
            message.handover.begins()
            message.handover.outcome = (
                Outcome.sent(provider="fake") if fault is None else Outcome.failed(fault, error="hush-hush")  # type: ignore[arg-type]
            )

    transport = Batches(database, behave=mixed)
    database.add(4)
    states = ["sent", "failed", "uncertain", "held"]
    await run_until(lane(database, transport), database, lambda: database.states() == states)
    assert "hush-hush" not in str([row.result for row in database.rows.values()])


async def test_what_was_not_handed_over_is_released() -> None:
    database = FakeDatabase()

    async def first_only(messages: Sequence[Message]) -> None:
        messages[0].handover.begins()
        messages[0].handover.outcome = Outcome.sent(provider="fake")

    transport = Batches(database, behave=first_only)
    database.add(3)
    one = lane(database, transport, poll=0.01)
    await run_until(one, database, lambda: set(database.states()) == {"sent"})
    assert transport.handed_over == [[1, 2, 3], [2, 3], [3]]
    outcomes = [r["outcome"] for e in database.history if e[0] == "report" for r in e[1]]
    assert outcomes.count("released") == 3


@pytest.mark.parametrize("error", [ValueError("hush-hush boom"), TimeoutError(), asyncio.CancelledError()])
async def test_a_batch_that_breaks_off_keeps_what_is_known_of_each(error: BaseException) -> None:
    database = FakeDatabase()

    async def break_off(messages: Sequence[Message]) -> None:
        settled, begun, repeatable, _ = messages
        for message in (settled, begun, repeatable):
            message.handover.begins()
        settled.handover.outcome = Outcome.sent(provider="fake")
        repeatable.handover.repeatable = True
        raise error

    transport = Batches(database, behave=break_off)
    database.add(4)
    for row in database.rows.values():
        row.retry = False
    states = ["sent", "uncertain", "waiting", "waiting"]
    await run_until(lane(database, transport), database, lambda: database.states() == states)
    assert [database.rows[n].result.get("fault") for n in (2, 3, 4)] == ["unknown", "transient", "transient"]
    assert "hush-hush" not in str([row.result for row in database.rows.values()])


async def test_a_transport_that_forgets_a_message_it_began_leaves_a_doubt() -> None:
    database = FakeDatabase()

    async def forget(messages: Sequence[Message]) -> None:
        for message in messages:
            message.handover.begins()

    database.add(2)
    transport = Batches(database, behave=forget)
    await run_until(
        lane(database, transport), database, lambda: database.states() == ["uncertain", "uncertain"]
    )


async def test_a_batch_that_takes_too_long_is_given_up() -> None:
    database = FakeDatabase()

    async def hang(messages: Sequence[Message]) -> None:
        for message in messages:
            message.handover.begins()
        await asyncio.Event().wait()

    database.add(3)
    one = lane(database, Batches(database, behave=hang), delivery_timeout=0.05)
    await run_until(one, database, lambda: database.states() == ["uncertain"] * 3)
    assert database.rows[1].result["code"] == "timeout"


async def test_stopping_finishes_the_batches_that_are_started_and_releases_the_rest() -> None:
    database = FakeDatabase()
    landing = asyncio.Event()

    async def wait(messages: Sequence[Message]) -> None:
        await landing.wait()
        for message in messages:
            message.handover.outcome = Outcome.sent(provider="fake")

    transport = Batches(database, behave=wait)
    database.add(60)
    one = lane(database, transport)
    task = asyncio.create_task(one.run())
    await eventually(lambda: database.states().count("sending") == 20, database)
    one.stop()
    await eventually(lambda: database.states().count("claimed") == 0, database)
    landing.set()
    async with asyncio.timeout(PATIENCE):
        await task
    assert (database.states().count("sent"), database.states().count("queued")) == (20, 40)


@pytest.mark.parametrize("moment", ["claim", "claimed", "report", "reported", "deliver"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_the_process_may_die_at_any_point(moment: str, nth: int) -> None:
    """Killed there, and started again after the leases ended: nothing twice, and nothing silently lost."""
    database = FakeDatabase()
    transport = Batches(database)
    ids = database.add(45)
    seen: list[str] = []
    dead = asyncio.Event()

    async def die(name: str, what: Any) -> None:
        if dead.is_set():
            await asyncio.Event().wait()
        if name == moment:
            seen.append(name)
            if len(seen) == nth:
                dead.set()
                database.note("dead")
                await asyncio.Event().wait()

    database.point = die
    task = asyncio.create_task(lane(database, transport).run())
    await eventually(lambda: dead.is_set() or set(database.states()) == {"sent"}, database)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    database.point = None
    database.expire_leases()
    second = Batches(database)
    await run_until(lane(database, second), database, lambda: set(database.states()) <= {"sent", "uncertain"})
    delivered = [n for batch in transport.handed_over + second.handed_over for n in batch]
    assert len(delivered) == len(set(delivered))
    assert transport.unagreed == second.unagreed == []
    assert all(database.rows[n].state == "uncertain" or n in delivered for n in ids)
    # A batch in the air, one behind it, and no more.
    assert database.states().count("uncertain") <= 30


async def test_a_lane_by_resend_sends_in_batches_and_sorts_out_the_bad_ones() -> None:
    database = FakeDatabase()
    database.add(250, subject="Hello", text="Hi")
    database.rows[7].content["to"] = ["invalid@example.org"]
    database.rows[120].content["to"] = ["nobody"]
    async with provider("resend") as (made, server):
        server.lost_answers = 1
        await run_until(
            lane(database, made), database, lambda: not set(database.states()) - {"sent", "failed"}
        )
    assert [n for n, row in database.rows.items() if row.state == "failed"] == [7, 120]
    assert len(server.delivered) == 248
    assert len({one.recipients for one in server.delivered}) == 248
    assert len(server.requests) < 20


async def test_a_single_message_by_resend_does_not_go_in_a_batch() -> None:
    database = FakeDatabase()
    database.add(1, subject="Hello", text="Hi")
    async with provider("resend") as (made, server):
        await run_until(lane(database, made), database, lambda: database.states() == ["sent"])
    assert [request.path for request in server.requests] == ["/emails"]

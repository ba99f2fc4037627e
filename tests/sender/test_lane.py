"""A lane against a database in memory: agreement before delivery, outages, deaths at every point, an end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import PATIENCE, FakeDatabase, FakeTransport, eventually

from dreamlit_sender.backoff import Backoff
from dreamlit_sender.database import DatabaseTroubleError
from dreamlit_sender.lane import Lane, LaneOptions
from dreamlit_sender.secret import Redactor
from dreamlit_sender.transport import Outcome

if TYPE_CHECKING:
    from dreamlit_sender.transport import Message

pytestmark = pytest.mark.asyncio


def lane(database: FakeDatabase, transport: FakeTransport, **options: Any) -> Lane:
    chosen = {"concurrency": 4, "chunk": 10, "poll": 60.0, "flush": 0.001, **options}
    return Lane(
        "email",
        database=database,
        transport=transport,
        options=LaneOptions(**chosen),
        redact=Redactor(["hush-hush"]),
        backoff=Backoff(first=0.001, cap=0.01),
    )


async def run_until(one: Lane, database: FakeDatabase, condition: Any) -> None:
    """Run the lane until the condition holds, then stop it in the orderly way."""
    task = asyncio.create_task(one.run())
    await eventually(condition, database)
    one.stop()
    async with asyncio.timeout(PATIENCE):
        await task


async def test_everything_is_delivered_once_and_reported() -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    ids = database.add(57)
    one = lane(database, transport)
    await run_until(one, database, lambda: set(database.states()) == {"sent"})
    assert sorted(transport.delivered) == ids
    assert transport.unagreed == []
    assert 1 < transport.most_at_once <= 4
    assert database.open_sessions == 0
    assert one.unreported == 0


async def test_only_what_comes_back_as_sending_is_delivered() -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    database.add(6)

    async def cancel_two(name: str, what: Any) -> None:
        if name == "report":
            for message_id in (2, 5):
                if database.rows[message_id].state == "claimed":
                    database.rows[message_id].state = "cancelled"

    database.point = cancel_two
    await run_until(lane(database, transport), database, lambda: database.states().count("sent") == 4)
    assert sorted(transport.delivered) == [1, 3, 4, 6]


async def test_the_wire_works_while_the_database_does() -> None:
    """While one wave is with the transport, the next is claimed and acknowledged."""
    database = FakeDatabase()
    landing = asyncio.Event()

    async def wait(message: Message) -> Outcome:
        await landing.wait()
        return Outcome.sent(provider="fake")

    transport = FakeTransport(database, wait)
    database.add(30)
    one = lane(database, transport)
    task = asyncio.create_task(one.run())
    await eventually(lambda: transport.at_once == 4 and database.states().count("sending") == 8, database)
    assert database.states().count("claimed") > 0
    landing.set()
    await eventually(lambda: set(database.states()) == {"sent"}, database)
    one.stop()
    await task


async def test_outcomes_are_reported_together_with_the_next_start() -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    database.add(40)
    await run_until(lane(database, transport), database, lambda: set(database.states()) == {"sent"})
    reports = [event[1] for event in database.history if event[0] == "report"]
    mixed = [batch for batch in reports if {result["outcome"] for result in batch} == {"started", "sent"}]
    assert mixed
    assert len(reports) < 40


@pytest.mark.parametrize(("begun", "fault"), [(True, "unknown"), (False, "transient"), (None, "unknown")])
@pytest.mark.parametrize(
    "error", [ValueError("hush-hush boom\x00"), TimeoutError(), asyncio.CancelledError()]
)
async def test_exceptions_of_a_transport_fail_one_message(
    begun: bool | None, fault: str, error: BaseException
) -> None:
    database = FakeDatabase()

    class Careless(FakeTransport):
        async def deliver(self, message: Message) -> Outcome:
            if message.message_id != 2:
                return await super().deliver(message)
            if begun is False:
                message.handover.not_yet()
            elif begun:
                message.handover.begins()
            raise error

    transport = Careless(database)
    database.add(3)
    database.rows[2].retry = False
    done = {"unknown": "uncertain", "transient": "waiting"}[fault]
    await run_until(lane(database, transport), database, lambda: database.states() == ["sent", done, "sent"])
    assert database.rows[2].result["fault"] == fault
    assert "hush-hush" not in str(database.rows[2].result)


async def test_a_delivery_that_takes_too_long_is_given_up() -> None:
    database = FakeDatabase()

    async def hang(message: Message) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    transport = FakeTransport(database, hang)
    database.add(1)
    await run_until(
        lane(database, transport, delivery_timeout=0.05), database, lambda: database.states() == ["uncertain"]
    )
    assert database.rows[1].result["code"] == "timeout"


async def test_what_does_not_fit_into_its_lease_is_given_back_unstarted() -> None:
    database = FakeDatabase(lease=0.0)
    transport = FakeTransport(database)
    database.add(1)
    one = lane(database, transport)
    await run_until(one, database, lambda: any(e[0] == "report" for e in database.history))
    assert transport.delivered == []
    assert next(r["outcome"] for e in database.history if e[0] == "report" for r in e[1]) == "released"


async def test_a_short_lease_bounds_the_delivery() -> None:
    database = FakeDatabase(lease=0.2)

    async def hang(message: Message) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    database.add(1)
    await run_until(
        lane(database, FakeTransport(database, hang)), database, lambda: database.states() == ["uncertain"]
    )


async def test_results_survive_an_outage_and_nothing_unagreed_is_delivered() -> None:
    database = FakeDatabase()
    landing = asyncio.Event()

    async def wait(message: Message) -> Outcome:
        await landing.wait()
        return Outcome.sent(provider="fake", provider_id=f"p{message.message_id}")

    transport = FakeTransport(database, wait)
    database.add(20)
    one = lane(database, transport)
    task = asyncio.create_task(one.run())
    await eventually(lambda: transport.at_once == 4 and database.states().count("sending") == 8, database)
    database.away = True
    landing.set()
    attempts = len([event for event in database.history if event[0] == "connect"])
    await eventually(
        lambda: (
            one.unreported == 8
            and len([event for event in database.history if event[0] == "connect"]) > attempts + 3
        ),
        database,
    )
    assert len(transport.delivered) == 8
    database.away = False
    await eventually(lambda: set(database.states()) == {"sent"}, database)
    one.stop()
    await task
    assert sorted(transport.delivered) == list(range(1, 21))
    assert database.rows[1].result["provider_id"] == "p1"


@pytest.mark.parametrize("moment", ["connect", "claim", "claimed", "report", "reported"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_a_connection_may_break_at_any_point(moment: str, nth: int) -> None:
    """Before or after the commit: nothing is lost, nothing is delivered twice or unagreed."""
    database = FakeDatabase()
    transport = FakeTransport(database)
    ids = database.add(25)
    seen: list[str] = []

    async def break_once(name: str, what: Any) -> None:
        if name == moment:
            seen.append(name)
            if len(seen) == nth:
                raise DatabaseTroubleError("connection lost")

    database.point = break_once
    one = lane(database, transport)
    task = asyncio.create_task(one.run())

    expired: list[bool] = []

    def settled() -> bool:
        stuck = [row for row in database.rows.values() if row.state == "claimed"]
        if (
            moment == "claimed"
            and not expired
            and stuck
            and database.states().count("sent") == 25 - len(stuck)
        ):
            # Their claim was committed and its answer lost: only the lease brings them back.
            expired.append(True)
            database.expire_leases()
            one.wake()
        return set(database.states()) == {"sent"}

    await eventually(settled, database)
    one.stop()
    await task
    assert sorted(transport.delivered) == ids
    assert transport.unagreed == []


@pytest.mark.parametrize(
    "moment", ["connect", "claim", "claimed", "report", "reported", "deliver", "delivered"]
)
@pytest.mark.parametrize("nth", [1, 3, 7, 20])
async def test_the_process_may_die_at_any_point(moment: str, nth: int) -> None:
    """Killed there, and started again after the leases ended: nothing twice, and nothing silently lost."""
    database = FakeDatabase()
    transport = FakeTransport(database)
    ids = database.add(25)
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

    second = FakeTransport(database)
    again = lane(database, second)
    await run_until(again, database, lambda: set(database.states()) <= {"sent", "uncertain"})
    delivered = transport.delivered + second.delivered
    assert len(delivered) == len(set(delivered))
    assert transport.unagreed == second.unagreed == []
    for message_id in ids:
        state = database.rows[message_id].state
        assert state == "uncertain" or message_id in delivered
    # What a death leaves uncertain is bounded: a wave in the air and the one behind it.
    assert database.states().count("uncertain") <= 12


async def test_a_wake_brings_new_messages_without_the_poll() -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    one = lane(database, transport)
    task = asyncio.create_task(one.run())
    await eventually(lambda: any(event[0] == "claim" for event in database.history), database)
    database.add(1)
    one.wake()
    await eventually(lambda: database.states() == ["sent"], database)
    one.stop()
    await task


async def test_a_wake_during_a_claim_is_not_lost() -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    one = lane(database, transport)

    async def late(name: str, what: Any) -> None:
        if name == "claimed" and not database.rows:
            database.add(1)
            one.wake()

    database.point = late
    await run_until(one, database, lambda: database.states() == ["sent"])


async def test_the_poll_is_the_net() -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    one = lane(database, transport, poll=0.01)
    task = asyncio.create_task(one.run())
    await eventually(lambda: any(event[0] == "claim" for event in database.history), database)
    database.add(1)
    await eventually(lambda: database.states() == ["sent"], database)
    one.stop()
    await task


async def test_stopping_finishes_what_is_started_and_releases_the_rest() -> None:
    database = FakeDatabase()
    landing = asyncio.Event()

    async def wait(message: Message) -> Outcome:
        await landing.wait()
        return Outcome.sent(provider="fake")

    transport = FakeTransport(database, wait)
    database.add(30)
    one = lane(database, transport)
    task = asyncio.create_task(one.run())
    await eventually(lambda: transport.at_once == 4 and database.states().count("sending") == 8, database)
    one.stop()
    await eventually(lambda: database.states().count("claimed") == 0, database)
    assert not task.done()
    landing.set()
    async with asyncio.timeout(PATIENCE):
        await task
    assert database.states().count("sent") == 8
    assert database.states().count("queued") == 22
    assert one.unreported == 0


async def test_stopping_is_bounded() -> None:
    database = FakeDatabase()

    async def hang(message: Message) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    transport = FakeTransport(database, hang)
    database.add(30)
    one = lane(database, transport, shutdown_timeout=0.05)
    task = asyncio.create_task(one.run())
    await eventually(lambda: transport.at_once == 4 and database.states().count("sending") == 8, database)
    one.stop()
    async with asyncio.timeout(PATIENCE):
        await task
    assert database.states().count("uncertain") == 4
    assert database.states().count("queued") == 26
    assert transport.delivered == [1, 2, 3, 4]


async def test_stopping_while_the_database_is_away_gives_up_after_the_bound() -> None:
    database = FakeDatabase()
    landing = asyncio.Event()

    async def wait(message: Message) -> Outcome:
        await landing.wait()
        return Outcome.sent(provider="fake")

    transport = FakeTransport(database, wait)
    database.add(3)
    one = lane(database, transport, shutdown_timeout=0.05)
    task = asyncio.create_task(one.run())
    await eventually(lambda: transport.at_once == 3, database)
    database.away = True
    landing.set()
    one.stop()
    async with asyncio.timeout(PATIENCE):
        await task
    assert one.unreported == 3


async def test_a_result_that_the_database_rejects_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    database = FakeDatabase()
    transport = FakeTransport(database)
    database.add(8)
    database.reject = lambda result: result["message_id"] == 3 and result["outcome"] == "sent"
    one = lane(database, transport)
    await run_until(one, database, lambda: database.states().count("sent") == 7)
    assert database.rows[3].state == "sending"
    assert "rejected" in caplog.text
    assert one.unreported == 0


async def test_a_message_that_is_claimed_again_while_in_the_air_is_not_sent_a_second_time() -> None:
    database = FakeDatabase()
    landing = asyncio.Event()

    async def wait(message: Message) -> Outcome:
        await landing.wait()
        return Outcome.sent(provider="fake")

    transport = FakeTransport(database, wait)
    database.add(1)
    one = lane(database, transport)
    task = asyncio.create_task(one.run())
    await eventually(lambda: transport.at_once == 1, database)
    database.rows[1].state = "queued"
    one.wake()
    await eventually(
        lambda: any(r["attempt"] == 2 for e in database.history if e[0] == "report" for r in e[1]), database
    )
    database.rows[1].state = "held"
    assert [r["outcome"] for e in database.history if e[0] == "report" for r in e[1]] == [
        "started",
        "released",
    ]
    landing.set()
    one.stop()
    async with asyncio.timeout(PATIENCE):
        await task
    assert transport.delivered == [1]

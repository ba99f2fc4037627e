"""One sender for several databases in memory: shares, troubles that stay where they are, names in logs and keys."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import PATIENCE, FakeDatabase

from dreamlit_sender.config import Config
from dreamlit_sender.databases import DatabaseConfig
from dreamlit_sender.log import LOGGER
from dreamlit_sender.loop import run
from dreamlit_sender.secret import Secret
from dreamlit_sender.transport import Message, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

pytestmark = pytest.mark.asyncio


class Gate:
    """A transport that lets messages through one by one, or all of them once it is open."""

    def __init__(self, *, opened: bool = False) -> None:
        self.through: list[tuple[str | None, int]] = []
        self.keys: list[str] = []
        self.at_once = self.most_at_once = 0
        self._passes = asyncio.Semaphore(0)
        self._opened = opened

    def let(self, count: int) -> None:
        for _ in range(count):
            self._passes.release()

    async def deliver(self, message: Message) -> Outcome:
        message.handover.not_yet()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if not self._opened:
                await self._passes.acquire()
            self.through.append((message.origin, message.message_id))
            self.keys.append(message.key)
            return Outcome.sent(provider="gate")
        finally:
            self.at_once -= 1

    async def aclose(self) -> None:
        """Nothing to give back."""


class Fleet:
    """Databases in memory by name."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.databases = {name: FakeDatabase() for name in weights}
        self.config = tuple(
            DatabaseConfig(Secret(f"postgresql://{name}"), name, weight) for name, weight in weights.items()
        )

    def __getitem__(self, name: str) -> FakeDatabase:
        return self.databases[name]

    @asynccontextmanager
    async def served(self, gate: Gate, **values: Any) -> AsyncGenerator[None, None]:
        chosen = {"channels": ("email",), "poll": 60.0, "concurrency": 4, "tick": False, **values}
        stop = asyncio.Event()
        task = asyncio.create_task(
            run(
                Config(databases=self.config, **chosen),
                stop=stop,
                databases=list(self.databases.values()),
                transports={"email": gate},
            )
        )
        try:
            yield
        finally:
            stop.set()
            gate.let(10_000)
            async with asyncio.timeout(PATIENCE):
                await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - several databases, each with events of its own
            await asyncio.sleep(0.001)


def all_sent(databases: Sequence[FakeDatabase]) -> bool:
    return all(set(database.states()) == {"sent"} for database in databases)


async def test_databases_with_work_get_slots_by_weight() -> None:
    fleet, gate = Fleet({"a": 1, "b": 2, "c": 5}), Gate()
    for database in fleet.databases.values():
        database.add(1000)
    async with fleet.served(gate, concurrency=8):
        await until(lambda: gate.at_once == 8)
        while len(gate.through) < 400:
            before = len(gate.through)
            gate.let(1)
            await until(lambda before=before: len(gate.through) > before and gate.at_once == 8)
        found = Counter(origin for origin, _ in gate.through[80:400])
    assert abs(found["a"] - 40) <= 8
    assert abs(found["b"] - 80) <= 8
    assert abs(found["c"] - 200) <= 8


async def test_all_together_deliver_no_more_at_once_than_one_would() -> None:
    fleet, gate = Fleet({"a": 1, "b": 1, "c": 1}), Gate(opened=True)
    for database in fleet.databases.values():
        database.add(50)
    async with fleet.served(gate, concurrency=4):
        await until(lambda: all_sent(list(fleet.databases.values())))
    assert gate.most_at_once <= 4
    assert len(set(gate.through)) == len(gate.through) == 150


async def test_one_that_is_away_holds_up_nobody_and_is_served_once_it_is_back() -> None:
    fleet, gate = Fleet({"a": 1, "gone": 9}), Gate(opened=True)
    for database in fleet.databases.values():
        database.add(50)
    fleet["gone"].away = True
    async with fleet.served(gate):
        await until(lambda: all_sent([fleet["a"]]))
        assert {origin for origin, _ in gate.through} == {"a"}
        fleet["gone"].away = False
        await until(lambda: all_sent([fleet["gone"]]))


@pytest.mark.parametrize("call", ["connect", "claim", "report", "claimed", "reported"])
async def test_one_that_hangs_in_a_call_holds_up_nobody(call: str) -> None:
    fleet, gate = Fleet({"a": 1, "hangs": 9}), Gate(opened=True)
    hanging, released = asyncio.Event(), asyncio.Event()

    async def hang(name: str, what: Any) -> None:
        if name == call:
            hanging.set()
            await released.wait()

    for database in fleet.databases.values():
        database.add(50)
    fleet["hangs"].point = hang
    async with fleet.served(gate):
        async with asyncio.timeout(PATIENCE):
            await hanging.wait()
        await until(lambda: all_sent([fleet["a"]]))
        assert not all_sent([fleet["hangs"]])
        released.set()
        await until(lambda: all_sent([fleet["hangs"]]))


async def test_a_name_stands_in_every_line_of_the_log_that_is_about_one_database(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet, gate = Fleet({"a": 1, "b": 1}), Gate(opened=True)
    fleet["b"].away = True
    for database in fleet.databases.values():
        database.add(30)
    with caplog.at_level(logging.DEBUG, LOGGER.name):
        async with fleet.served(gate, concurrency=2):
            await until(lambda: all_sent([fleet["a"]]))
            fleet["b"].away = False
            await until(lambda: all_sent([fleet["b"]]))
    lines = [(record.getMessage(), record.fields) for record in caplog.records if record.name == LOGGER.name]
    sent = Counter(fields.get("database") for event, fields in lines if event == "sent")
    assert sent == {"a": 30, "b": 30}
    assert {fields.get("database") for event, fields in lines if event == "database_away"} == {"b"}
    unnamed = {event for event, fields in lines if "database" not in fields}
    assert unnamed == {"started", "stopped"}


async def test_messages_of_the_same_id_have_keys_of_their_own() -> None:
    fleet, gate = Fleet({"a": 1, "b": 1}), Gate(opened=True)
    for database in fleet.databases.values():
        database.add(1)
    async with fleet.served(gate):
        await until(lambda: all_sent(list(fleet.databases.values())))
    assert sorted(gate.keys) == ["a.1", "b.1"]


async def test_each_database_has_a_renderer_of_its_own() -> None:
    fleet = Fleet({"hangs": 1, "b": 1})
    made: list[Rendering] = []

    class Rendering:
        def __init__(self) -> None:
            self.hangs = not made
            self.closed = False
            made.append(self)

        async def render(self, *given: Any) -> list[Mapping[str, Any]]:
            if self.hangs:
                await asyncio.Event().wait()
            return [{"content": {"to": ["x@y.zz"]}}] * len(given[-1])

        async def aclose(self) -> None:
            self.closed = True

    for database in fleet.databases.values():
        database.add(1, channel="render", step_id=1, context={})
        database.rows[1].content["channel"] = "email"
        database.rows[1].templates = {"templates": {}, "files": {}}
    stop = asyncio.Event()
    task = asyncio.create_task(
        run(
            Config(databases=fleet.config, channels=("render",), tick=False, shutdown_timeout=0.1),
            stop=stop,
            databases=list(fleet.databases.values()),
            transports={},
            renderer=Rendering,
        )
    )
    await until(lambda: fleet["b"].states() == ["rendered"])
    assert fleet["hangs"].states() == ["claimed"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [one.closed for one in made] == [True, True]

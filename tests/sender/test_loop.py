"""The whole process: lanes, listening, ticking, outages, signals; and a real process with a real signal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import PATIENCE, FakeDatabase, FakeTransport, eventually

import dreamlit_pg
import dreamlit_sender
from dreamlit_sender.config import Config
from dreamlit_sender.console import ConsoleTransport
from dreamlit_sender.databases import DatabaseConfig
from dreamlit_sender.loop import build_transports, run, sender_name
from dreamlit_sender.secret import Secret
from dreamlit_sender.slack import SlackTransport
from dreamlit_sender.smtp import SmtpTransport
from dreamlit_sender.transport import Outcome

if TYPE_CHECKING:
    from dreamlit_sender.transport import Message

pytestmark = pytest.mark.asyncio


def config(**values: Any) -> Config:
    only = DatabaseConfig(Secret("postgresql://x"))
    return Config(**{"databases": (only,), "channels": ("email",), "poll": 60.0, **values})


async def test_new_messages_are_heard_of_by_listening() -> None:
    database, stop = FakeDatabase(), asyncio.Event()
    email, slack = FakeTransport(database), FakeTransport(database)
    transports = {"email": email, "slack": slack}
    task = asyncio.create_task(run(config(), stop=stop, databases=[database], transports=transports))
    await eventually(
        lambda: [e[0] for e in database.history].count("claim") >= 2 and database.listeners, database
    )
    [first] = database.add()
    database.announce("email")
    await eventually(lambda: database.states() == ["sent"], database)
    [second] = database.add(channel="slack")
    database.announce("slack")
    await eventually(lambda: database.states() == ["sent", "sent"], database)
    stop.set()
    async with asyncio.timeout(PATIENCE):
        assert await task == 0
    assert (email.delivered, slack.delivered) == ([first], [second])
    assert email.closed
    assert database.open_sessions == 0


async def test_what_was_announced_while_nobody_listened_is_found_on_listening_again() -> None:
    database, stop = FakeDatabase(), asyncio.Event()
    transport = FakeTransport(database)
    task = asyncio.create_task(
        run(config(), stop=stop, databases=[database], transports={"email": transport})
    )
    await eventually(lambda: database.listeners and any(e[0] == "claim" for e in database.history), database)
    database.add()
    database.break_connections()
    await eventually(lambda: database.states() == ["sent"], database)
    stop.set()
    assert await task == 0


async def test_ticks_and_goes_on_ticking_after_an_outage() -> None:
    database, stop = FakeDatabase(), asyncio.Event()
    database.nap = 0.0
    task = asyncio.create_task(run(config(), stop=stop, databases=[database], transports={}))
    await eventually(lambda: database.ticks >= 3, database)
    database.away = True
    connects = [event[0] for event in database.history].count("connect")
    await eventually(lambda: [e[0] for e in database.history].count("connect") > connects, database)
    database.away = False
    ticks = database.ticks
    await eventually(lambda: database.ticks > ticks, database)
    stop.set()
    async with asyncio.timeout(PATIENCE):
        await task
    assert database.open_sessions == 0


async def test_ticking_can_be_left_to_others() -> None:
    database, stop = FakeDatabase(), asyncio.Event()
    task = asyncio.create_task(run(config(tick=False), stop=stop, databases=[database], transports={}))
    await eventually(lambda: database.listeners, database)
    stop.set()
    await task
    assert database.ticks == 0


async def test_starts_while_the_database_is_away() -> None:
    database, stop = FakeDatabase(), asyncio.Event()
    transport = FakeTransport(database)
    database.add(3)
    database.away = True
    task = asyncio.create_task(
        run(config(), stop=stop, databases=[database], transports={"email": transport})
    )
    await eventually(lambda: [event[0] for event in database.history].count("connect") >= 3, database)
    database.away = False
    await eventually(lambda: set(database.states()) == {"sent"}, database)
    stop.set()
    assert await task == 0


async def test_cancelling_stops_at_once() -> None:
    database = FakeDatabase()

    async def hang(message: Message) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    transport = FakeTransport(database, hang)
    database.add(3)
    task = asyncio.create_task(run(config(), databases=[database], transports={"email": transport}))
    await eventually(lambda: transport.at_once == 3, database)
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(task, return_exceptions=True)
    assert transport.at_once == 0
    assert transport.closed
    assert database.open_sessions == 0
    assert database.states() == ["sending"] * 3


async def test_transports_follow_the_configuration() -> None:
    environ = {
        "DREAMLIT_DSN": "postgresql://x",
        "DREAMLIT_SMTP_URL": "smtp://localhost",
        "DREAMLIT_SLACK_TOKEN": "xoxb-1",
    }
    transports = build_transports(Config.load(environ=environ))
    assert isinstance(transports["email"], SmtpTransport)
    assert isinstance(transports["slack"], SlackTransport)
    for transport in transports.values():
        await transport.aclose()
    console = build_transports(Config.load(environ=environ | {"DREAMLIT_CONSOLE": "1"}))
    assert {type(transport) for transport in console.values()} == {ConsoleTransport}
    assert sender_name() != sender_name()


PROGRAM = """
import asyncio, sys
from dreamlit_sender import loop
from dreamlit_sender.config import Config
from dreamlit_sender.databases import DatabaseConfig
from dreamlit_sender.secret import Secret
from dreamlit_sender.transport import Outcome
from tests.sender.doubles import FakeDatabase, FakeTransport

database = FakeDatabase()
database.add(30)
landing = asyncio.Event()

async def wait(message):
    print("in flight", flush=True)
    if sys.argv[1] == "finish":
        while loop_stopped.is_set() is False:
            await loop_stopped.wait()
    else:
        await asyncio.Event().wait()
    return Outcome.sent(provider="fake")

loop_stopped = asyncio.Event()
transport = FakeTransport(database, wait)
real_run = loop.run

async def run(config, *, stop):
    async def tell():
        await stop.wait()
        print("stopping", flush=True)
        loop_stopped.set()
    telling = asyncio.create_task(tell())
    try:
        return await real_run(config, stop=stop, databases=[database], transports={"email": transport})
    finally:
        telling.cancel()
        print(sorted(set(database.states())), flush=True)

loop.run = run
sys.exit(loop.serve(Config(
    databases=(DatabaseConfig(Secret("x")),), channels=("email",), concurrency=4, json_logs=True
)))
"""


async def started(tmp_path: Path, how: str) -> asyncio.subprocess.Process:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[2]
    packages = (dreamlit_pg.__path__[0], dreamlit_sender.__path__[0])
    paths = [str(root), *(str(Path(package).parent) for package in packages)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        how,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(4):
        assert await process.stdout.readline() == b"in flight\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_first_signal_finishes_and_releases(tmp_path: Path, number: signal.Signals) -> None:
    async with asyncio.timeout(3 * PATIENCE):
        process = await started(tmp_path, "finish")
        process.send_signal(number)
        out, err = await process.communicate()
    assert process.returncode == 0, err
    assert out.decode().splitlines()[-1] == "['queued', 'sent']"
    assert b"Traceback" not in err


async def test_second_signal_stops_at_once(tmp_path: Path) -> None:
    async with asyncio.timeout(3 * PATIENCE):
        process = await started(tmp_path, "hang")
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        while await process.stdout.readline() != b"stopping\n":
            pass
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert process.returncode == 1, err
    assert "sending" in out.decode().splitlines()[-1]
    assert b"Traceback" not in err

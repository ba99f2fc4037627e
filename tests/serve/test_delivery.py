"""Links on their way through a lane: put in before a message leaves, or it does not leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers import value
from tests.sender.doubles import PATIENCE, FakeDatabase, FakeTransport, eventually

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config
from dreamlit_sender.lane import Lane, LaneOptions
from dreamlit_sender.links import UNSUBSCRIBE_PLACEHOLDER, Linker
from dreamlit_sender.providers.http import message_key
from dreamlit_sender.secret import Redactor, Secret

if TYPE_CHECKING:
    from tests.conftest import Connect
    from tests.helpers import Connection

    from dreamlit_sender.transport import Message, Outcome

SECRET = Secret("x" * 40)


class Recorder(FakeTransport):
    """Keeps what it was given."""

    def __init__(self, database: FakeDatabase) -> None:
        super().__init__(database)
        self.texts: list[str] = []
        self.messages: list[Message] = []

    async def deliver(self, message: Message) -> Outcome:
        self.messages.append(message)
        self.texts.append(str(message.content.get("text")))
        return await super().deliver(message)


async def run(database: FakeDatabase, linker: Linker, condition: Any) -> Recorder:
    transport = Recorder(database)
    lane = Lane(
        "email",
        database=database,
        transport=transport,
        options=LaneOptions(poll=60.0, flush=0.001),
        redact=Redactor(),
        linker=linker,
    )
    task = asyncio.create_task(lane.run())
    await eventually(condition, database)
    lane.stop()
    async with asyncio.timeout(PATIENCE):
        await task
    return transport


async def test_a_message_leaves_with_its_links() -> None:
    database = FakeDatabase()
    database.public_url = "https://mail.example.com"
    database.add(2, text=f"Stop: {UNSUBSCRIBE_PLACEHOLDER}", **{"from": "a@example.com"})
    transport = await run(database, Linker(SECRET), lambda: set(database.states()) == {"sent"})
    assert len(set(transport.texts)) == 2
    assert all(text.startswith("Stop: https://mail.example.com/u/") for text in transport.texts)


@pytest.mark.parametrize(
    ("secret", "public_url", "missing"),
    [(None, "https://mail.example.com", "DREAMLIT_LINK_SECRET"), (SECRET, None, "public_url")],
)
async def test_without_secret_or_public_url_the_channel_stops(
    secret: Secret | None, public_url: str | None, missing: str
) -> None:
    database = FakeDatabase()
    database.public_url = public_url
    database.add(1, text="News", topic="news")
    row = database.rows[1]
    row.retry = False
    transport = await run(database, Linker(secret), lambda: row.result.get("outcome") == "failed")
    assert transport.texts == []
    assert row.result["fault"] == "configuration"
    assert missing in row.result["error"]


async def test_another_secret_between_two_attempts_is_no_reason_to_send_twice() -> None:
    keys = []
    for secret in (SECRET, Secret("y" * 40)):
        database = FakeDatabase()
        database.public_url = "https://mail.example.com"
        database.add(1, text=f"Stop: {UNSUBSCRIBE_PLACEHOLDER}", **{"from": "a@example.com"})
        transport = await run(database, Linker(secret), lambda: set(database.states()) == {"sent"})  # noqa: B023
        keys.append((message_key(transport.messages[0]), transport.texts[0]))
    assert keys[0][0] == keys[1][0]
    assert keys[0][1] != keys[1][1]


async def test_the_database_is_not_asked_for_what_no_message_needs() -> None:
    database = FakeDatabase()
    asked = []

    async def point(name: str, what: Any) -> None:
        asked.append(name)

    database.point = point
    database.add(3, text="Your receipt")
    await run(database, Linker(None), lambda: set(database.states()) == {"sent"})
    assert "public_url" not in asked


def test_the_sender_may_ask_for_the_public_url(connect: Connect, superuser: Connection) -> None:
    sender = connect("sender")
    assert value(sender, "select dreamlit.public_url()") is None
    superuser.execute(
        """insert into dreamlit._settings (name, value) values ('public_url', '"https://mail.example.com/"')"""
        " on conflict (name) do update set value = excluded.value"
    )
    assert value(sender, "select dreamlit.public_url()") == "https://mail.example.com"


def test_a_short_link_secret_is_refused_at_the_start() -> None:
    with pytest.raises(DreamlitError, match="DREAMLIT_LINK_SECRET"):
        Config.load(environ={"DREAMLIT_DSN": "postgresql://h/d", "DREAMLIT_LINK_SECRET": "short"})


@pytest.mark.parametrize("text", ["8025", "[::1]:8025", "0.0.0.0:80", ":8025"])
def test_where_a_sender_listens_is_a_setting(text: str) -> None:
    found = Config.load(environ={"DREAMLIT_DSN": "postgresql://h/d", "DREAMLIT_SERVE": text}).serve
    assert found is not None
    assert found[1] in (80, 8025)


@pytest.mark.parametrize("text", ["", "x", "h:", "h:x", "h:70000", "h:-1"])
def test_a_wrong_address_to_listen_on_is_refused(text: str) -> None:
    environ = {"DREAMLIT_DSN": "postgresql://h/d", "DREAMLIT_SERVE": text or "::"}
    with pytest.raises(DreamlitError, match="HOST:PORT"):
        Config.load(environ=environ)

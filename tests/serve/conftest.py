"""A real server on loopback with a real database behind it, and keys that tests of this folder share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from psycopg.conninfo import conninfo_to_dict
from tests.helpers import add_user, create_users, email, publish, value, work, workflow
from tests.sender.doubles import PATIENCE

from dreamlit_sender.config import Config
from dreamlit_sender.links import Purpose, Signer, Token
from dreamlit_sender.secret import Secret
from dreamlit_sender.serve.app import Site
from dreamlit_sender.serve.run import HttpServer, build_server

if TYPE_CHECKING:
    from tests.conftest import DsnOf
    from tests.helpers import Connection

LINK_SECRET = "test-link-secret-of-enough-characters"
SIGNER = Signer(Secret(LINK_SECRET))


@pytest.fixture(scope="session")
def rsa_pem() -> str:
    """A private key for DKIM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode("ascii")


@dataclass
class Running:
    """A server that listens, and a client of it."""

    server: HttpServer
    client: httpx.AsyncClient

    @property
    def site(self) -> Site:
        found: Any = self.server.config.app
        site: Site = found.state.site
        return site

    async def written(self) -> None:
        """Wait until every open and click is in the database."""
        await until(lambda: not len(self.site.buffer))


@asynccontextmanager
async def running(dsn: str, *, name: str | None = None, **keys: str) -> AsyncGenerator[Running, None]:
    """A server with this configuration; ends with the block. `name` is that of its database."""
    environ = {f"DREAMLIT_{key.upper()}": text for key, text in keys.items()}
    database = {"DREAMLIT_DSN": dsn} if name is None else {"DREAMLIT_DATABASES": f"{name}={_as_url(dsn)}"}
    config = Config.load(environ={**database, "DREAMLIT_LINK_SECRET": LINK_SECRET, **environ})
    server = build_server(config, "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    if task.done():
        task.result()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE) as client:
        try:
            yield Running(server, client)
        finally:
            server.stop()
            await task


def _as_url(dsn: str) -> str:
    return f"postgresql:///?{urlencode(conninfo_to_dict(dsn), quote_via=quote)}"


Serve = Callable[..., Awaitable[Running]]


@pytest.fixture
async def serve(dsn_of: DsnOf, admin: Connection) -> AsyncGenerator[Serve, None]:
    """Starts servers as the sender's role; there are two topics."""
    admin.execute("select dreamlit.set_topic('news', 'News & more', 'Once a month')")
    admin.execute("select dreamlit.set_topic('digest', 'Your digest')")
    async with AsyncExitStack() as stack:

        async def start(dsn: str | None = None, *, name: str | None = None, **keys: str) -> Running:
            return await stack.enter_async_context(running(dsn or dsn_of("sender"), name=name, **keys))

        yield start


@pytest.fixture
def message_id(admin: Connection, app: Connection, superuser: Connection) -> int:
    """A message to ann@example.com that is queued."""
    create_users(admin)
    publish(admin, workflow(email()))
    add_user(app)
    work(superuser, 3)
    found: int = value(superuser, "select message_id from dreamlit._messages")
    return found


def link(purpose: Purpose, message_id: int, *, recipient: str = "ann@example.com", url: str = "") -> str:
    """The path of a link in a message."""
    if purpose in ("open", "click"):
        token = Token(message_id, url=url)
    else:
        token = Token(message_id, recipient=recipient)
    letter = {"open": "o", "click": "c", "unsubscribe": "u", "preferences": "p"}[purpose]
    return f"/{letter}/{SIGNER.sign(purpose, token)}" + (".gif" if purpose == "open" else "")


async def until(happened: Callable[[], Any]) -> None:
    """Return once `happened` says so."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - it happens in the database or in another task
            await asyncio.sleep(0.005)

"""Transports for the servers of this folder, configured as users configure them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.providers.servers import SERVERS, ProviderServer
from tests.sender.doubles import raw_server

from dreamlit_sender.config import Config
from dreamlit_sender.providers import ProviderTransport, build_provider
from dreamlit_sender.transport import Handover, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SENDER = "Ann <ann@sender.test>"
KEYS = {
    "resend": {"resend_api_key": "re_secret_key"},
    "postmark": {"postmark_token": "pm-secret-token"},
    "ses": {
        "ses_region": "eu-west-1",
        "ses_access_key_id": "AKIDEXAMPLE",
        "ses_secret_access_key": "ses/secret+key",
    },
    "sendgrid": {"sendgrid_api_key": "SG.secret.key"},
    "mailgun": {"mailgun_api_key": "mg-secret-key", "mailgun_domain": "mg.sender.test"},
}


def load(**keys: str) -> Config:
    environ = {f"DREAMLIT_{key.upper()}": value for key, value in keys.items()}
    return Config.load(environ={"DREAMLIT_DSN": "postgresql://db.test/app", **environ})


def message(number: int = 7, attempt: int = 1, **content: Any) -> Message:
    full = {"to": ["bob@example.org"], "subject": "Hello", "text": "Good morning", "html": None, **content}
    return Message(number, attempt, full, Handover())


def transport(name: str, port: int, **keys: str) -> ProviderTransport:
    config = load(provider=name, provider_url=f"http://127.0.0.1:{port}", **{**KEYS[name], **keys})
    assert config.provider is not None
    made = build_provider(config.provider, sender_from=SENDER)
    # Nobody waits in a test for what a provider would need a second for.
    made._pauses = (0.0, 0.0)
    return made


@asynccontextmanager
async def provider(name: str, **keys: str) -> AsyncGenerator[tuple[ProviderTransport, ProviderServer], None]:
    """A provider's server and a transport that is connected to it."""
    server = SERVERS[name]()
    async with raw_server(server.talk) as port:
        made = transport(name, port, **keys)
        try:
            yield made, server
        finally:
            await made.aclose()


async def deliver_many(made: ProviderTransport, messages: list[Message]) -> list[Outcome | None]:
    await made.deliver_many(messages)
    return [one.handover.outcome for one in messages]

"""DKIM for plain SMTP: what a server receives verifies against the public key, and not after a change."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.providers.helpers import load, message
from tests.sender.doubles import Mailbox, smtp_server

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.loop import build_transports

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def public_key(name: bytes, timeout: int = 5) -> bytes:
    """The TXT record as DNS would give it."""
    assert name.rstrip(b".") == b"s1._domainkey.sender.test"
    data = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(data)


def verifies(data: bytes) -> bool:
    verified: bool = dkim.verify(data, dnsfunc=public_key)
    return verified


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    file = tmp_path / "dkim.pem"
    file.write_text(PEM)
    return str(file)


async def received(key_file: str, **content: object) -> bytes:
    """What the SMTP server got, with a final line break as it stood on the wire."""
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port:
        config = load(
            **{"smtp_url": f"smtp://127.0.0.1:{port}", "from": "Ann <ann@sender.test>"},
            dkim_domain="sender.test",
            dkim_selector="s1",
            dkim_key_file=key_file,
        )
        transport = build_transports(config)["email"]
        outcome = await transport.deliver(message(**content))
        await transport.aclose()
    assert outcome.outcome == "sent"
    data = mailbox.messages[0].content
    assert isinstance(data, bytes)
    return data


UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://sender.test/u/1?token=abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopq>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
CONTENTS = {
    "plain": {},
    "html and copies": {"html": "<p>Grüße</p>", "cc": ["carl@example.org"], "reply_to": ["help@sender.test"]},
    "lines that begin with a dot": {"text": ".\r\n..\r\n.hidden\n\n\n"},
    "no line break at the end": {"text": "Hello"},
    "a long subject": {"subject": "Grüße " * 40},
    "unsubscribing": {"headers": UNSUBSCRIBE},
    "a subdomain": {"from": "x@news.sender.test"},
    "a domain in capitals": {"from": "x@Sender.Test"},
    "names outside ASCII": {"from": "änn@sender.test", "to": ["bób@example.org"]},
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
async def test_what_the_server_receives_verifies(key_file: str, content: dict[str, object]) -> None:
    data = await received(key_file, **content)
    assert data.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.test;")
    assert verifies(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"Good morning", b"Good evening"),
        lambda data: data.replace(b"Subject: Hello", b"Subject: Other"),
        lambda data: data.replace(b"To: bob@", b"To: eve@"),
        lambda data: data.replace(b"u/1?token", b"u/2?token"),
        lambda data: data.replace(b"One-Click", b"Two-Click"),
        lambda data: b"From: eve@evil.test\r\n" + data,
    ],
    ids=["body", "subject", "to", "List-Unsubscribe", "List-Unsubscribe-Post", "a second From"],
)
async def test_what_is_changed_on_the_way_does_not_verify(
    key_file: str, change: Callable[[bytes], bytes]
) -> None:
    data = await received(key_file, headers=UNSUBSCRIBE)
    changed = change(data)
    assert changed != data
    assert verifies(data)
    assert not verifies(changed)


async def test_the_from_is_covered_once_more_than_it_is_there(key_file: str) -> None:
    """Verifiers that take the first of two From would show a forged one otherwise."""
    header = (await received(key_file)).split(b"bh=")[0]
    covered = header.split(b"h=")[1].split(b";")[0].replace(b" ", b"").split()
    assert b"".join(covered).split(b":").count(b"from") == 2


@pytest.mark.parametrize("sender", ["x@other.test", "x@notsender.test", "x@test"])
async def test_mail_of_another_domain_is_left_as_it_is(key_file: str, sender: str) -> None:
    assert b"DKIM-Signature" not in await received(key_file, **{"from": sender})


async def test_the_key_may_stand_in_the_environment_itself() -> None:
    config = load(smtp_url="smtp://x", dkim_domain="Sender.Test", dkim_selector="s1", dkim_key=PEM)
    assert config.dkim is not None
    assert config.dkim.domain == "sender.test"
    shown = f"{config!r} {config.redactor()(PEM)}"
    assert "PRIVATE KEY" not in shown


@pytest.mark.parametrize(
    "keys",
    [
        {"dkim_domain": "sender.test"},
        {"dkim_selector": "s1", "dkim_key": PEM},
        {"dkim_domain": "sender.test", "dkim_selector": "s1", "dkim_key_file": "/nowhere/dkim.pem"},
        {"dkim_domain": "sender.test", "dkim_selector": "s1", "dkim_key": "hush-hush"},
        {"dkim_domain": "sender.test", "dkim_selector": "s1", "dkim_key": PEM.replace("M", "A")},
        {"dkim_domain": "sender.test; x", "dkim_selector": "s1", "dkim_key": PEM},
        {"dkim_domain": "sender.test", "dkim_selector": "s 1", "dkim_key": PEM},
    ],
    ids=["domain alone", "no domain", "no such file", "no key", "a broken key", "no domain name", "no label"],
)
def test_what_cannot_sign_is_refused_at_the_start_without_the_key(keys: dict[str, str]) -> None:
    with pytest.raises(DreamlitError) as caught:
        load(smtp_url="smtp://x", **keys)
    assert "DREAMLIT_DKIM" in str(caught.value)
    shown = f"{caught.value!r} {caught.value.hint}"
    assert "hush" not in shown
    assert "PRIVATE" not in shown
    assert caught.value.__cause__ is None

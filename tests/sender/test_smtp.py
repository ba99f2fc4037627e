"""SMTP against real servers on loopback: aiosmtpd, and bare sockets for what it would not do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import PATIENCE, Mailbox, check_password, hang_up, raw_server, smtp_server

from dreamlit_sender.config import SmtpConfig
from dreamlit_sender.smtp import SmtpTransport
from dreamlit_sender.transport import Handover, Message

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiosmtpd.smtp import SMTP
    from tests.sender.conftest import Certificates

pytestmark = pytest.mark.asyncio


def message(message_id: int = 7, **content: Any) -> Message:
    base: dict[str, Any] = {"to": ["Bob <bob@example.org>"], "subject": "Hi", "text": "Hello"}
    return Message(message_id, 1, {**base, **content}, Handover())


@asynccontextmanager
async def transport(
    port: int, query: str = "starttls=never", **options: Any
) -> AsyncGenerator[SmtpTransport, None]:
    login, scheme = options.pop("login", ""), options.pop("scheme", "smtp")
    config = SmtpConfig.from_url(f"{scheme}://{login}127.0.0.1:{port}?{query}")
    one = SmtpTransport(config, sender_from="Dreamlit <no-reply@sender.test>", **options)
    try:
        yield one
    finally:
        await one.aclose()


async def test_accepted_message_is_sent_with_the_servers_id() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message(bcc=["hidden@example.org"], cc=["cc@example.org"]))
    assert (outcome.outcome, outcome.provider, outcome.provider_id) == ("sent", "smtp", "4ZkQ1")
    [envelope] = mailbox.messages
    assert envelope.mail_from == "no-reply@sender.test"
    assert envelope.rcpt_tos == ["bob@example.org", "cc@example.org", "hidden@example.org"]
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Message-ID"] == "<dreamlit.7@sender.test>"
    assert b"hidden" not in envelope.content


async def test_lines_that_begin_with_dots_arrive_as_they_were() -> None:
    mailbox = Mailbox()
    text = ".\n..two\n.three\nend\n"
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        await smtp.deliver(message(text=text))
    content = mailbox.messages[0].content
    assert isinstance(content, bytes)
    mail = message_from_bytes(content, policy=policy.default)
    assert mail.get_content().replace("\r\n", "\n") == text


async def test_connections_are_reused() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        for number in range(5):
            assert (await smtp.deliver(message(number))).outcome == "sent"
    assert mailbox.connections == 1


async def test_at_most_so_many_connections() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port, transport(port, "starttls=never&connections=2") as smtp:
        outcomes = await asyncio.gather(*(smtp.deliver(message(number)) for number in range(20)))
    assert [outcome.outcome for outcome in outcomes] == ["sent"] * 20
    assert mailbox.connections == 2


async def test_idle_connection_is_tried_with_noop_and_dropped_when_too_old() -> None:
    mailbox, now = Mailbox(), [0.0]
    async with smtp_server(mailbox) as port, transport(port, clock=lambda: now[0]) as smtp:
        await smtp.deliver(message(1))
        now[0] += 15
        await smtp.deliver(message(2))
        assert "NOOP" in mailbox.commands
        assert mailbox.connections == 1
        now[0] += 100
        await smtp.deliver(message(3))
    assert mailbox.connections == 2
    assert len(mailbox.messages) == 3


async def test_server_that_closed_an_idle_connection_costs_nothing() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        await smtp.deliver(message(1))
        hang_up(mailbox.protocols[0])
        assert (await smtp.deliver(message(2))).outcome == "sent"
    assert mailbox.connections == 2


async def test_421_on_a_reused_connection_means_a_fresh_one() -> None:
    mailbox = Mailbox()
    seen: list[str] = []

    def once_only(address: str) -> str | None:
        seen.append(address)
        return "421 4.7.0 too many messages on this connection" if len(seen) == 2 else None

    mailbox.on_mail = once_only
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        assert (await smtp.deliver(message(1))).outcome == "sent"
        assert (await smtp.deliver(message(2))).outcome == "sent"
    assert mailbox.connections == 2


async def test_421_on_a_fresh_connection_is_transient() -> None:
    mailbox = Mailbox()
    mailbox.on_mail = lambda address: "421 4.3.2 shutting down"
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("transient", "421 4.3.2")


@pytest.mark.parametrize(
    ("stage", "reply", "fault", "code"),
    [
        ("mail", "550 5.7.1 sender not allowed", "configuration", "550 5.7.1"),
        ("mail", "530 5.7.0 authentication required", "configuration", "530 5.7.0"),
        ("mail", "451 4.3.0 try later", "transient", "451 4.3.0"),
        ("mail", "552 5.3.4 message too big", "recipient", "552 5.3.4"),
        ("rcpt", "550 5.1.1 no such user", "recipient", "550 5.1.1"),
        ("rcpt", "450 4.2.0 greylisted", "transient", "450 4.2.0"),
        ("rcpt", "530 authentication required", "configuration", "530"),
        ("rcpt", "554 5.7.1 <bob@example.org>: Relay access denied", "configuration", "554 5.7.1"),
        ("data", "554 5.7.1 looks like spam", "recipient", "554 5.7.1"),
        ("data", "451 4.3.0 try later", "transient", "451 4.3.0"),
        ("data", "452 disk full", "transient", "452"),
    ],
)
async def test_refusals_are_told_apart_and_the_connection_lives_on(
    stage: str, reply: str, fault: str, code: str
) -> None:
    mailbox = Mailbox()

    async def data(server: SMTP) -> str:
        return reply

    if stage == "mail":
        mailbox.on_mail = lambda address: reply
    elif stage == "rcpt":
        mailbox.on_rcpt = lambda address: reply
    else:
        mailbox.on_data = data
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message())
        assert (outcome.outcome, outcome.fault, outcome.code) == ("failed", fault, code)
        mailbox.on_mail, mailbox.on_rcpt, mailbox.on_data = lambda a: None, lambda a: None, None
        assert (await smtp.deliver(message())).outcome == "sent"
    assert mailbox.connections == 1


async def test_refused_copies_do_not_fail_the_message() -> None:
    mailbox = Mailbox()
    mailbox.on_rcpt = lambda address: "550 5.1.1 unknown" if address.startswith("cc") else None
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message(cc=["cc@example.org", "fine@example.org"]))
    assert outcome.outcome == "sent"
    assert outcome.error == "refused: cc@example.org: 550 5.1.1 unknown"
    assert mailbox.messages[0].rcpt_tos == ["bob@example.org", "fine@example.org"]


async def test_refused_recipient_is_not_saved_by_its_copies() -> None:
    mailbox = Mailbox()
    mailbox.on_rcpt = lambda address: "550 5.1.1 unknown" if address.startswith("bob") else None
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message(cc=["cc@example.org"]))
    assert (outcome.outcome, outcome.fault) == ("failed", "recipient")
    assert mailbox.messages == []


async def test_connection_lost_after_the_final_dot_is_unknown() -> None:
    mailbox = Mailbox()

    async def vanish(server: SMTP) -> str:
        hang_up(server)
        await asyncio.Event().wait()
        return ""

    mailbox.on_data = vanish
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("unknown", "no_reply")
    assert mailbox.commands.count("DATA") == 1


async def test_no_reply_after_the_final_dot_is_unknown() -> None:
    mailbox = Mailbox()

    async def hang(server: SMTP) -> str:
        await asyncio.Event().wait()
        return ""

    mailbox.on_data = hang
    async with smtp_server(mailbox) as port, transport(port, "starttls=never&timeout=0.2") as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("unknown", "no_reply")


@pytest.mark.parametrize("last", ["", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_connection_lost_before_the_final_dot_is_transient(last: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n" if last else b"")
        while last:
            line = (await reader.readline()).decode()
            if line.startswith(last):
                return
            writer.write(b"250 fine\r\n")

    async with raw_server(talk) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message())
    assert outcome.fault == "transient"


@pytest.mark.parametrize("last", ["", "MAIL", "DATA"])
async def test_silence_before_the_final_dot_is_transient(last: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n" if last else b"")
        while line := await reader.readline():
            if last and not line.startswith(last.encode()):
                writer.write(b"250 fine\r\n")

    async with raw_server(talk) as port, transport(port, "starttls=never&timeout=0.2") as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("transient", "timeout")


async def test_an_unreadable_reply_to_the_message_is_unknown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            if line == b"DATA\r\n":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"gibberish\r\n")
            else:
                writer.write(b"250 fine\r\n")

    async with raw_server(talk) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message())
    assert outcome.fault == "unknown"


async def test_cancelled_delivery_never_finishes_behind_our_back() -> None:
    """A body that the server does not read yet must not be followed by its final dot after we gave up."""
    reading, go_on, read = asyncio.Event(), asyncio.Event(), asyncio.Event()
    received = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            if line == b"DATA\r\n":
                writer.write(b"354 go\r\n")
                reading.set()
                await go_on.wait()
                with contextlib.suppress(ConnectionError):
                    while piece := await reader.read(1 << 16):
                        received.extend(piece)
                read.set()
                return
            writer.write(b"250 fine\r\n")

    async with raw_server(talk) as port, transport(port) as smtp:
        big = message(text="x" * 20_000_000)
        task = asyncio.create_task(smtp.deliver(big))
        async with asyncio.timeout(PATIENCE):
            await reading.wait()
            while not big.handover.may_have_begun:  # noqa: ASYNC110 - the flag is all there is to see
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            await read.wait()
    assert received
    assert not received.endswith(b"\r\n.\r\n")


async def test_refused_connection_is_transient() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with transport(closed.getsockname()[1]) as smtp:
            outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("transient", "connect")


@pytest.mark.parametrize(
    ("greeting", "fault"), [("421 busy", "transient"), ("554 5.7.1 blocked", "configuration")]
)
async def test_greetings_that_refuse(greeting: str, fault: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{greeting}\r\n".encode())
        await reader.read()

    async with raw_server(talk) as port, transport(port) as smtp:
        outcome = await smtp.deliver(message())
    assert outcome.fault == fault


async def test_starttls_and_login(certificates: Certificates) -> None:
    mailbox = Mailbox()
    options: dict[str, Any] = {
        "tls_context": certificates.server,
        "require_starttls": True,
        "authenticator": check_password,
    }
    query = f"starttls=require&ca={certificates.ca_file}"
    async with (
        smtp_server(mailbox, auth_required=True, **options) as port,
        transport(port, query, login="ann:s3cret%2Fword@") as smtp,
    ):
        outcome = await smtp.deliver(message())
    assert outcome.outcome == "sent"


async def test_tls_from_the_first_byte(certificates: Certificates) -> None:
    mailbox = Mailbox()
    async with (
        smtp_server(mailbox, tls=certificates.server) as port,
        transport(port, f"ca={certificates.ca_file}", scheme="smtps") as smtp,
    ):
        assert (await smtp.deliver(message())).outcome == "sent"


async def test_wrong_password_is_a_configuration_fault_and_not_repeated_in_the_error(
    certificates: Certificates,
) -> None:
    mailbox = Mailbox()
    options: dict[str, Any] = {"tls_context": certificates.server, "authenticator": check_password}
    async with (
        smtp_server(mailbox, **options) as port,
        transport(port, f"starttls=require&ca={certificates.ca_file}", login="ann:wrong-one@") as smtp,
    ):
        outcome = await smtp.deliver(message())
    assert outcome.fault == "configuration"
    assert outcome.code is not None
    assert outcome.code.startswith("535")
    assert "wrong-one" not in repr(outcome)


async def test_server_that_hangs_up_after_a_wrong_password_is_still_a_configuration_fault() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250-mx\r\n250 AUTH PLAIN LOGIN\r\n")
            else:
                writer.write(b"535 5.7.8 no\r\n")
                return

    async with raw_server(talk) as port, transport(port, login="ann:wrong-one@") as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("configuration", "535 5.7.8")


async def test_temporary_login_failure_is_transient() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            ehlo = line.startswith(b"EHLO")
            writer.write(b"250-mx\r\n250 AUTH PLAIN\r\n" if ehlo else b"454 4.7.0 later\r\n")

    async with raw_server(talk) as port, transport(port, login="ann:right@") as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("transient", "454 4.7.0")


async def test_untrusted_certificate_is_a_configuration_fault(certificates: Certificates) -> None:
    mailbox = Mailbox()
    async with (
        smtp_server(mailbox, tls_context=certificates.server) as port,
        transport(port, "starttls=require") as smtp,
    ):
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("configuration", "tls")
    async with (
        smtp_server(mailbox, tls=certificates.server) as port,
        transport(port, "", scheme="smtps") as smtp,
    ):
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("configuration", "tls")


async def test_required_starttls_that_is_not_offered_is_a_configuration_fault() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port, transport(port, "starttls=require") as smtp:
        outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("configuration", "tls")
    assert mailbox.commands == []


async def test_starttls_if_available_takes_what_there_is(certificates: Certificates) -> None:
    query = f"starttls=if-available&ca={certificates.ca_file}"
    offers: list[dict[str, Any]] = [{}, {"tls_context": certificates.server, "require_starttls": True}]
    for options in offers:
        mailbox = Mailbox()
        async with smtp_server(mailbox, **options) as port, transport(port, query) as smtp:
            assert (await smtp.deliver(message())).outcome == "sent"


async def test_addresses_outside_ascii_need_the_servers_consent() -> None:
    for utf8 in (True, False):
        mailbox = Mailbox()
        async with smtp_server(mailbox, enable_SMTPUTF8=utf8) as port, transport(port) as smtp:
            outcome = await smtp.deliver(message(to=["jürgen@bücher.example"]))
        if utf8:
            assert outcome.outcome == "sent"
            assert mailbox.messages[0].rcpt_tos == ["jürgen@xn--bcher-kva.example"]
        else:
            assert (outcome.fault, outcome.code) == ("recipient", "smtputf8")


async def test_domain_outside_ascii_needs_nothing() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox, enable_SMTPUTF8=False) as port, transport(port) as smtp:
        assert (await smtp.deliver(message(to=["Bücher <info@straße.example>"]))).outcome == "sent"
    assert mailbox.messages[0].rcpt_tos == ["info@xn--strae-oqa.example"]


async def test_header_injection_reaches_no_server() -> None:
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port, transport(port) as smtp:
        for content in (
            {"subject": "Hi\r\nBcc: x@y.zz"},
            {"to": ["bob@example.org\r\nRCPT TO:<x@y.zz>"]},
            {"to": ["bob@example.org> SIZE=1 <x"]},
            {"headers": {"X-A": "1\n2"}},
            {"headers": {"X-A\r\nBcc": "x@y.zz"}},
            {"reply_to": ["a@b.c\nX: y"]},
        ):
            outcome = await smtp.deliver(message(**content))
            assert (outcome.outcome, outcome.fault) == ("failed", "recipient"), content
    assert mailbox.connections == 0


async def test_no_from_anywhere_is_a_configuration_fault() -> None:
    smtp = SmtpTransport(SmtpConfig.from_url("smtp://127.0.0.1:1"))
    outcome = await smtp.deliver(message())
    assert (outcome.fault, outcome.code) == ("configuration", "from")

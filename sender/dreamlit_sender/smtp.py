"""Delivery over SMTP: a pool of reused connections, and every reply told apart by whose fault it is."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from dreamlit_sender.attachments import Fetcher
from dreamlit_sender.dkim import signed
from dreamlit_sender.message import Mail, NoSenderError, UnfitContentError, build_mail
from dreamlit_sender.transport import Fault, Handover, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamlit_sender.config import SmtpConfig
    from dreamlit_sender.dkim import DkimConfig

PROVIDER = "smtp"
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
_QUEUE_ID = re.compile(r"queued as\s+<?([^\s<>]+)|\bOk:?\s+(\S{8,})\s*$", re.IGNORECASE)
# The server wants other credentials or another kind of connection, whatever command it says so after.
_AUTH_CODES = (530, 534, 535, 538)
_SHORT_WAIT = 5.0


class _RefusedError(Exception):
    """A reply, or the lack of one, that ends the delivery."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class _StaleError(Exception):
    """A reused connection turned out to be dead before anything was handed over: a fresh one may work."""


class _Connection(aiosmtplib.SMTP):
    """A connection that closes at once.

    The library's own close goes on writing what is buffered: after a timeout a final dot among it could still
    turn a message that we gave up into one that the server accepts.
    """

    def close(self) -> None:
        """Drop the connection and whatever is not written yet."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        super().close()


class _Idle(NamedTuple):
    connection: _Connection
    since: float


class SmtpTransport:
    """Delivers e-mail to one SMTP server.

    A connection idle for longer than `check_after` seconds is tried with NOOP before use, and one idle for
    longer than `drop_after` is closed. At most `connections` are open at once.
    """

    provider = PROVIDER
    providers = (PROVIDER,)

    def __init__(
        self,
        config: SmtpConfig,
        *,
        sender_from: str | None = None,
        dkim: DkimConfig | None = None,
        fetcher: Fetcher | None = None,
        connections: int = 16,
        check_after: float = 10.0,
        drop_after: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._from = sender_from
        self._dkim = dkim
        self._fetcher = fetcher or Fetcher()
        self._idle: deque[_Idle] = deque()
        self._slots = asyncio.Semaphore(config.connections or connections)
        self._check_after = check_after
        self._drop_after = drop_after
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._hostname: str | None = None

    async def deliver(self, message: Message) -> Outcome:
        """Deliver one message and return what the server said."""
        handover = message.handover
        handover.not_yet()
        handover.provider = PROVIDER
        complete = await self._fetcher.complete(message, PROVIDER)
        if isinstance(complete, Outcome):
            return complete
        try:
            mail = build_mail(message.message_id, complete.content, default_from=self._from, key=message.key)
        except UnfitContentError as error:
            return _failed("recipient", error.code, str(error))
        except NoSenderError as error:
            return _failed("configuration", "from", str(error))
        if self._dkim is not None:
            # Some milliseconds of arithmetic, which would otherwise hold up everything else in the loop.
            mail = await asyncio.to_thread(signed, mail, self._dkim)
        async with self._slots:
            try:
                try:
                    return await self._attempt(mail, handover, fresh=False)
                except _StaleError:
                    return await self._attempt(mail, handover, fresh=True)
            except _RefusedError as refusal:
                return refusal.outcome

    async def aclose(self) -> None:
        """Say QUIT on every idle connection, for a moment at most."""
        idle = [entry.connection for entry in self._idle]
        self._idle.clear()
        await asyncio.gather(*(_quit(connection) for connection in idle))

    async def _attempt(self, mail: Mail, handover: Handover, *, fresh: bool) -> Outcome:
        reused = None if fresh else await self._take_idle()
        connection = reused or await self._connect()
        healthy = False
        try:
            outcome = await _Transaction(connection, mail, handover, reused=reused is not None).run()
            healthy = True
        except _RefusedError:
            # The server answered: after RSET the connection is as good as new.
            healthy = await _reset(connection)
            raise
        else:
            return outcome
        finally:
            if healthy and connection.is_connected:
                self._idle.append(_Idle(connection, self._clock()))
            else:
                connection.close()

    async def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            age = self._clock() - since
            if age > self._drop_after or not connection.is_connected:
                connection.close()
                continue
            if age <= self._check_after or await _answers(connection):
                return connection
        return None

    async def _connect(self) -> _Connection:
        config = self._config
        connected = False
        if self._hostname is None:
            # Once, not for each connection: a name server may take its time.
            self._hostname = await asyncio.to_thread(_own_name)
        connection = _Connection(
            hostname=config.host,
            port=config.port,
            timeout=config.timeout,
            use_tls=config.security == "tls",
            start_tls=False,
            local_hostname=self._hostname,
            tls_context=self._tls_context(),
        )
        try:
            async with asyncio.timeout(config.timeout):
                await connection.connect()
                await self._secure(connection)
                await self._log_in(connection)
            connected = True
        except (SMTPException, OSError, ValueError) as error:
            raise _RefusedError(_connect_failure(error)) from error
        finally:
            if not connected:
                connection.close()
        return connection

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._context is None and self._config.security != "never":
            self._context = ssl.create_default_context(cafile=self._config.ca_file)
        return self._context

    async def _secure(self, connection: _Connection) -> None:
        if self._config.security in ("tls", "never"):
            await _hello(connection)
            return
        await _hello(connection)
        if connection.supports_extension("starttls"):
            await connection.starttls()
            await _hello(connection)
        elif self._config.security == "require":
            raise _RefusedError(
                _failed("configuration", "tls", "the server offers no STARTTLS, which is required")
            )

    async def _log_in(self, connection: _Connection) -> None:
        username, password = self._config.username, self._config.password
        if username is None or password is None:
            return
        secured = connection.get_transport_info("sslcontext") is not None
        methods = {
            "plain": connection.auth_plain,
            "login": connection.auth_login,
            "cram-md5": connection.auth_crammd5,
        }
        order = ("plain", "login", "cram-md5") if secured else ("cram-md5", "plain", "login")
        offered = [name for name in order if name in connection.supported_auth_methods]
        refusal: SMTPAuthenticationError | None = None
        for name in offered:
            try:
                await methods[name](username, password.reveal())
            except SMTPAuthenticationError as error:
                refusal = refusal or error
                if 400 <= error.code < 500:
                    break
            except SMTPServerDisconnected:
                # Some servers hang up after a wrong password: that must not look like a network fault.
                if refusal is None:
                    raise
                break
            else:
                return
        if refusal is not None:
            raise refusal
        raise _RefusedError(
            _failed("configuration", "auth", "the server offers no login method that we know")
        )


def _is_relay_denied(reply: SMTPResponse) -> bool:
    """Whether the server refuses us, not the recipient.

    The code (5.7.1) also means a recipient's own policy; the servers in use (Postfix, Exim, Exchange,
    Sendmail) all say so in words.
    """
    return 500 <= reply.code < 600 and "relay" in reply.message.lower()


class _Transaction:
    """MAIL, RCPT, DATA on one connection."""

    def __init__(self, connection: _Connection, mail: Mail, handover: Handover, *, reused: bool) -> None:
        self._connection = connection
        self._mail = mail
        self._handover = handover
        self._reused = reused

    async def run(self) -> Outcome:
        """Return "sent". Raises _RefusedError, or _StaleError if a fresh connection may help."""
        try:
            await self._open_envelope()
            refused = await self._name_recipients()
            await self._begin_data()
        except SMTPResponseException as error:
            raise _RefusedError(_failed("transient", "protocol", f"an unreadable reply: {error}")) from error
        except (SMTPServerDisconnected, ConnectionError) as error:
            if self._reused:
                raise _StaleError from error
            raise _RefusedError(
                _failed("transient", "disconnected", f"connection lost before the message: {error}")
            ) from error
        except (SMTPTimeoutError, TimeoutError) as error:
            raise _RefusedError(
                _failed("transient", "timeout", f"no answer before the message: {error}")
            ) from error
        reply = await self._send_data()
        return Outcome.sent(provider=PROVIDER, provider_id=_provider_id(reply, self._mail), error=refused)

    async def _open_envelope(self) -> None:
        mail, connection = self._mail, self._connection
        options = [f"SIZE={len(mail.data)}"] if connection.supports_extension("size") else []
        if mail.needs_utf8:
            if not connection.supports_extension("smtputf8"):
                raise _RefusedError(
                    _failed("recipient", "smtputf8", "the server does not take addresses outside ASCII")
                )
            options += (
                ["SMTPUTF8", "BODY=8BITMIME"] if connection.supports_extension("8bitmime") else ["SMTPUTF8"]
            )
        reply = await self._command(f"MAIL FROM:<{mail.sender}>", *options)
        if reply.code != 250:
            raise self._refusal(reply, "recipient" if _too_big(reply) else "configuration", "MAIL FROM")

    async def _name_recipients(self) -> str | None:
        """Return what to note about refused copies. Refuses if no recipient in `to` was accepted."""
        refusals = [
            reply for mailbox in self._mail.to if (reply := await self._recipient(mailbox)) is not None
        ]
        if len(refusals) == len(self._mail.to):
            # One that may be accepted later is worth another try, whatever the others said.
            fault: Fault = "configuration" if all(map(_is_relay_denied, refusals)) else "recipient"
            raise self._refusal(min(refusals, key=lambda reply: reply.code), fault, "RCPT TO")
        noted = [
            f"{mailbox}: {_line(reply)}"
            for mailbox in self._mail.copies
            if (reply := await self._recipient(mailbox))
        ]
        noted += [_line(reply) for reply in refusals]
        return "refused: " + "; ".join(noted) if noted else None

    async def _recipient(self, mailbox: str) -> SMTPResponse | None:
        reply = await self._command(f"RCPT TO:<{mailbox}>")
        if reply.code == 421:
            raise self._refusal(reply, "recipient", "RCPT TO")
        return None if reply.code in (250, 251, 252) else reply

    async def _begin_data(self) -> None:
        reply = await self._command("DATA")
        if reply.code != 354:
            raise self._refusal(reply, "recipient", "DATA")

    async def _send_data(self) -> SMTPResponse:
        protocol = self._connection.protocol
        if protocol is None:
            raise _RefusedError(_failed("transient", "disconnected", "connection lost before the message"))
        body = re.sub(rb"(?m)^\.", b"..", self._mail.data)
        try:
            # The body without its final dot can be accepted by nobody; the dot goes out as a command.
            protocol.write(body if body.endswith(b"\r\n") else body + b"\r\n")
            self._handover.begins()
            reply = await self._connection.execute_command(b".")
        except SMTPResponseException as error:
            raise _RefusedError(
                _failed("unknown", str(error.code), f"an unreadable reply to the message: {error}")
            ) from error
        except (SMTPException, OSError) as error:
            if not self._handover.may_have_begun:
                raise _RefusedError(
                    _failed("transient", "disconnected", "connection lost before the message")
                ) from error
            raise _RefusedError(
                _failed("unknown", "no_reply", f"no reply to the message: {error}")
            ) from error
        if 200 <= reply.code < 300:
            return reply
        if reply.code < 400:
            raise _RefusedError(
                _failed("unknown", _code(reply), f"an odd reply to the message: {_line(reply)}")
            )
        raise self._refusal(reply, "recipient", "the message")

    async def _command(self, *words: str) -> SMTPResponse:
        encoding = "utf-8" if self._mail.needs_utf8 else "ascii"
        return await self._connection.execute_command(*(word.encode(encoding) for word in words))

    def _refusal(self, reply: SMTPResponse, permanent: Fault, after: str) -> _RefusedError | _StaleError:
        """Return what a refusing reply means; `permanent` is whose fault a 5xx is at this point."""
        if reply.code == 421 and self._reused and not self._handover.may_have_begun:
            return _StaleError()
        self._handover.not_yet()
        fault = _fault(reply, permanent)
        return _RefusedError(_failed(fault, _code(reply), f"{after}: {_line(reply)}"))


def _fault(reply: SMTPResponse, permanent: Fault) -> Fault:
    if reply.code in _AUTH_CODES:
        return "configuration"
    if 400 <= reply.code < 500:
        return "transient"
    # A 2xx or 3xx where none belongs: the two sides are out of step, a fresh connection is worth a try.
    return permanent if reply.code >= 500 else "transient"


def _connect_failure(error: BaseException) -> Outcome:
    if isinstance(error, SMTPResponseException):
        reply = SMTPResponse(error.code, error.message)
        auth = isinstance(error, SMTPAuthenticationError)
        fault: Fault = "transient" if error.code < 500 else "configuration"
        return _failed(fault, _code(reply), f"{'login' if auth else 'greeting'}: {_line(reply)}")
    cause = error.__cause__
    if isinstance(error, ssl.SSLError) or isinstance(cause, ssl.SSLError):
        return _failed("configuration", "tls", f"TLS failed: {cause or error}")
    if isinstance(error, (TimeoutError, SMTPTimeoutError)):
        return _failed("transient", "timeout", f"no connection in time: {error}")
    if isinstance(error, OSError):
        return _failed("transient", "connect", str(error))
    return _failed("configuration", "connect", str(error))


def _failed(fault: Fault, code: str, error: str) -> Outcome:
    return Outcome.failed(fault, code=code, error=error[:500], provider=PROVIDER)


def _too_big(reply: SMTPResponse) -> bool:
    return reply.code == 552 or reply.message.startswith("5.3.4")


def _code(reply: SMTPResponse) -> str:
    enhanced = _ENHANCED.match(reply.message)
    return f"{reply.code} {enhanced[1]}" if enhanced else str(reply.code)


def _line(reply: SMTPResponse) -> str:
    return f"{reply.code} {' '.join(reply.message.split())}"[:400]


def _provider_id(reply: SMTPResponse, mail: Mail) -> str:
    found = _QUEUE_ID.search(reply.message)
    return (found[1] or found[2]) if found else mail.message_id.strip("<>")


def _own_name() -> str:
    name = socket.getfqdn()
    return name if re.fullmatch(r"[A-Za-z0-9.-]+", name) else "localhost"


async def _hello(connection: _Connection) -> None:
    reply = await connection.execute_command(
        b"EHLO", (connection.local_hostname or "localhost").encode("ascii")
    )
    if reply.code == 250:
        connection.last_ehlo_response = reply
    elif reply.code in (500, 501, 502, 504):
        await connection.helo()
    else:
        raise SMTPResponseException(reply.code, reply.message)


async def _answers(connection: _Connection) -> bool:
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(_SHORT_WAIT):
            if (await connection.execute_command(b"NOOP")).code == 250:
                return True
    connection.close()
    return False


async def _reset(connection: _Connection) -> bool:
    if not connection.is_connected:
        return False
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(_SHORT_WAIT):
            return (await connection.execute_command(b"RSET")).code == 250
    return False


async def _quit(connection: _Connection) -> None:
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(_SHORT_WAIT / 2):
            await connection.execute_command(b"QUIT")
    connection.close()

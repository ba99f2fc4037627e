"""One asyncio process: a lane a channel, one connection that listens, one that ticks, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from dreamlit_sender.backoff import Backoff
from dreamlit_sender.console import ConsoleTransport
from dreamlit_sender.database import LANES, Database, DatabaseTroubleError, PostgresDatabase, Session
from dreamlit_sender.failover import Branch, FailoverTransport
from dreamlit_sender.lane import Lane, LaneOptions
from dreamlit_sender.links import Linker
from dreamlit_sender.log import configure_logging, log_event
from dreamlit_sender.providers import ProviderConfig, ProviderTransport, build_provider
from dreamlit_sender.render import CHANNEL as RENDER
from dreamlit_sender.render import ChildRenderer, Renderer, RenderLane
from dreamlit_sender.slack import SlackTransport
from dreamlit_sender.smtp import SmtpTransport

if TYPE_CHECKING:
    from dreamlit_sender.config import Config, SmtpConfig
    from dreamlit_sender.serve.run import HttpServer
    from dreamlit_sender.transport import Transport

# After the lanes' own bound: for a last report that is on its way.
_GRACE = 5.0
# What a helper does on its session; it calls the second argument whenever the database did what was asked.
_Work = Callable[[Session, Callable[[], None]], Awaitable[None]]
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _AnyLane(Protocol):
    @property
    def unreported(self) -> int: ...
    def wake(self) -> None: ...
    def stop(self) -> None: ...
    async def run(self) -> None: ...


def sender_name() -> str:
    """Return the name by which the database knows this process: host:pid:random."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def build_transports(config: Config) -> dict[str, Transport]:
    """Return the transport of each configured channel."""
    transports: dict[str, Transport] = {}
    for channel in config.channels:
        if channel == RENDER:
            continue
        if config.console:
            transports[channel] = ConsoleTransport(channel)
        elif channel == "email" and (first := config.provider or config.smtp) is not None:
            transports[channel] = _email_transport(config, first)
        elif channel == "slack" and config.slack is not None:
            transports[channel] = SlackTransport(config.slack, connections=config.concurrency)
    return transports


def _email_transport(config: Config, first: ProviderConfig | SmtpConfig) -> Transport:
    transport = _one_transport(config, first)
    if config.fallback is None:
        return transport
    names = [_provider_name(one) for one in (first, config.fallback)]
    if names[0] == names[1]:
        names[1] = f"{names[1]}_fallback"
    return FailoverTransport(
        Branch(names[0], transport), Branch(names[1], _one_transport(config, config.fallback))
    )


def _one_transport(config: Config, one: ProviderConfig | SmtpConfig) -> ProviderTransport | SmtpTransport:
    if isinstance(one, ProviderConfig):
        return build_provider(one, sender_from=config.sender_from, connections=config.concurrency)
    return SmtpTransport(
        one, sender_from=config.sender_from, dkim=config.dkim, connections=config.concurrency
    )


def _provider_name(one: ProviderConfig | SmtpConfig) -> str:
    return one.name if isinstance(one, ProviderConfig) else "smtp"


async def run(
    config: Config,
    *,
    stop: asyncio.Event | None = None,
    database: Database | None = None,
    transports: Mapping[str, Transport] | None = None,
    renderer: Renderer | None = None,
) -> int:
    """Work until `stop` is set; return how many results could not be reported to the database.

    Cancelling it stops at once: what is in flight then is for the database to settle when the leases end.
    """
    stop = stop or asyncio.Event()
    name = sender_name()
    database = database or PostgresDatabase(
        config.dsn.reveal(), name, lease=config.lease, lanes=("alert",) if config.watch else LANES
    )
    transports = build_transports(config) if transports is None else transports
    renderer = renderer or ChildRenderer()
    lanes = _build_lanes(config, database, transports, renderer)
    log_event(logging.INFO, "started", sender=name, channels=",".join(lanes))
    try:
        await _run_lanes(config, lanes, database, stop)
    finally:
        for transport in transports.values():
            await transport.aclose()
        await renderer.aclose()
    unreported = sum(lane.unreported for lane in lanes.values())
    log_event(logging.INFO, "stopped", sender=name, unreported=unreported or None)
    return unreported


def _build_lanes(
    config: Config, database: Database, transports: Mapping[str, Transport], renderer: Renderer
) -> dict[str, _AnyLane]:
    redact = config.redactor()
    options = LaneOptions(
        concurrency=config.concurrency,
        chunk=config.chunk,
        delivery_timeout=config.delivery_timeout,
        poll=config.poll,
        shutdown_timeout=config.shutdown_timeout,
    )
    lanes: dict[str, _AnyLane] = {
        channel: Lane(
            channel,
            database=database,
            transport=transport,
            options=options,
            redact=redact,
            linker=Linker(config.link_secret, sender_from=config.sender_from) if channel == "email" else None,
        )
        for channel, transport in transports.items()
    }
    if RENDER in config.channels and not config.watch:
        lanes[RENDER] = RenderLane(
            database=database,
            renderer=renderer,
            redact=redact,
            chunk=config.chunk,
            poll=config.poll,
            shutdown_timeout=config.shutdown_timeout,
        )
    return lanes


def _start_server(config: Config) -> tuple[HttpServer, asyncio.Task[None]] | None:
    """Begin to listen for HTTP beside the lanes, if the configuration says where."""
    if config.serve is None:
        return None
    # Only who serves pays for loading it.
    from dreamlit_sender.serve.run import build_server, listen

    server = build_server(config, *config.serve)
    return server, asyncio.create_task(listen(server))


async def _run_lanes(
    config: Config, lanes: Mapping[str, _AnyLane], database: Database, stop: asyncio.Event
) -> None:
    helpers: list[asyncio.Task[Any]] = [
        asyncio.create_task(_keep(database, "listen", lambda session, well: _listen(session, lanes, well)))
    ]
    if config.tick:
        helpers.append(
            asyncio.create_task(_keep(database, "tick", lambda session, well: _tick(session, stop, well)))
        )
    workers = [asyncio.create_task(lane.run()) for lane in lanes.values()]
    serving = _start_server(config)
    serves = [serving[1]] if serving is not None else []
    try:
        stopping = asyncio.create_task(stop.wait())
        helpers.append(stopping)
        await asyncio.wait([stopping, *workers, *serves], return_when=asyncio.FIRST_COMPLETED)
        for lane in lanes.values():
            lane.stop()
        if serving is not None:
            serving[0].stop()
        if workers or serves:
            await asyncio.wait([*workers, *serves], timeout=config.shutdown_timeout + _GRACE)
    finally:
        await _end((*helpers, *workers))
        for task in serves:
            # That its address is taken is told to the person who started it.
            if task.cancel():
                await asyncio.wait([task])
    for task in serves:
        task.result()


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            logging.getLogger("dreamlit.sender").error("fault", exc_info=outcome)


async def _keep(database: Database, purpose: str, work: _Work) -> None:
    """Do the work on a session, and again on a new one after each trouble, until cancelled or done."""
    backoff = Backoff()
    while True:
        try:
            session = await database.connect(purpose)
            try:
                await work(session, backoff.reset)
                return
            finally:
                await session.aclose()
        except DatabaseTroubleError as trouble:
            reason = str(trouble)
        except Exception as error:
            # A fault of ours must not end the process.
            logging.getLogger("dreamlit.sender").exception("fault")
            reason = type(error).__name__
        delay = backoff.next()
        log_event(logging.WARNING, "database_away", purpose=purpose, error=reason, retry_in=round(delay, 2))
        await asyncio.sleep(delay)


async def _listen(session: Session, lanes: Mapping[str, _AnyLane], well: Callable[[], None]) -> None:
    async with aclosing(session.listen()) as names:
        async for name in names:
            well()
            # The empty name comes first: what was announced before we listened has been heard by nobody.
            for channel, lane in lanes.items():
                if name in ("", channel):
                    lane.wake()
    raise DatabaseTroubleError("the listening connection ended")


async def _tick(session: Session, stop: asyncio.Event, well: Callable[[], None]) -> None:
    while not stop.is_set():
        moved, nap = await session.tick()
        well()
        if moved:
            log_event(logging.DEBUG, "ticked", moved=moved)
        try:
            async with asyncio.timeout(max(0.0, nap)):
                await stop.wait()
        except TimeoutError:
            pass


def serve(config: Config) -> int:
    """Run the sender as a process of its own; return its exit status.

    The first SIGTERM or SIGINT lets it finish and release, with status 0, or 1 if results could not be
    reported; the second stops it at once, with status 1.
    """
    configure_logging(config.redactor(), json_logs=config.json_logs, level=config.log_level)
    return asyncio.run(_serve(config))


async def _serve(config: Config) -> int:
    stop = asyncio.Event()
    work = asyncio.create_task(run(config, stop=stop))

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            log_event(logging.WARNING, "stopping_at_once", signal=number.name)
            work.cancel()
        else:
            log_event(logging.INFO, "stopping", signal=number.name)
            stop.set()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        return 1 if await work else 0
    except asyncio.CancelledError:
        return 1
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)

"""One asyncio process, and its orderly end.

Each database has a set of its own: a lane a channel, one connection that listens, one that ticks. Sets share
the transports, their slots and the renderer, and nothing that waits for a database: one that is away holds up
nobody.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dreamlit_sender.attachments import Fetcher
from dreamlit_sender.backoff import Backoff
from dreamlit_sender.console import ConsoleTransport
from dreamlit_sender.database import LANES, Database, DatabaseTroubleError, PostgresDatabase, Session
from dreamlit_sender.failover import Branch, FailoverTransport
from dreamlit_sender.lane import Lane, LaneOptions, batch_of
from dreamlit_sender.links import Linker
from dreamlit_sender.log import DATABASE, configure_logging, log_event, log_fault
from dreamlit_sender.providers import ProviderConfig, ProviderTransport, build_provider
from dreamlit_sender.render import CHANNEL as RENDER
from dreamlit_sender.render import ChildRenderer, Renderer, RenderLane
from dreamlit_sender.slack import SlackTransport
from dreamlit_sender.slots import Slots
from dreamlit_sender.smtp import SmtpTransport

if TYPE_CHECKING:
    from dreamlit_sender.config import Config, SmtpConfig
    from dreamlit_sender.databases import DatabaseConfig
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
    fetcher = Fetcher(private=config.fetch_private)
    if isinstance(one, ProviderConfig):
        return build_provider(
            one, sender_from=config.sender_from, connections=config.concurrency, fetcher=fetcher
        )
    return SmtpTransport(
        one, sender_from=config.sender_from, dkim=config.dkim, connections=config.concurrency, fetcher=fetcher
    )


def _provider_name(one: ProviderConfig | SmtpConfig) -> str:
    return one.name if isinstance(one, ProviderConfig) else "smtp"


@dataclass(frozen=True, slots=True)
class _Wire:
    """What all databases share of one channel."""

    transport: Transport
    slots: Slots


@dataclass(frozen=True, slots=True)
class _LaneSet:
    """All that works for one database. It renders in a process of its own: a template may hang."""

    config: DatabaseConfig
    database: Database
    renderer: Renderer
    lanes: Mapping[str, _AnyLane]


async def run(
    config: Config,
    *,
    stop: asyncio.Event | None = None,
    databases: Sequence[Database] | None = None,
    transports: Mapping[str, Transport] | None = None,
    renderer: Callable[[], Renderer] = ChildRenderer,
) -> int:
    """Work until `stop` is set; return how many results could not be reported to their databases.

    `databases` are those of the configuration, in its order. Cancelling it stops at once: what is in flight
    then is for the databases to settle when the leases end.
    """
    stop = stop or asyncio.Event()
    name = sender_name()
    if databases is None:
        databases = [_open(config, one, name) for one in config.databases]
    wires = {
        channel: _Wire(transport, Slots(config.concurrency, batch=batch_of(transport), rate=config.rate))
        for channel, transport in (build_transports(config) if transports is None else transports).items()
    }
    sets = []
    for one, database in zip(config.databases, databases, strict=True):
        own = renderer()
        sets.append(_LaneSet(one, database, own, _build_lanes(config, one, database, wires, own)))
    names = ",".join(one.name for one in config.databases if one.name) or None
    log_event(logging.INFO, "started", sender=name, channels=",".join(sets[0].lanes), databases=names)
    try:
        await _run_sets(config, sets, stop)
    finally:
        for wire in wires.values():
            await wire.transport.aclose()
        for one_set in sets:
            await one_set.renderer.aclose()
    unreported = sum(lane.unreported for one_set in sets for lane in one_set.lanes.values())
    log_event(logging.INFO, "stopped", sender=name, unreported=unreported or None)
    return unreported


def _open(config: Config, one: DatabaseConfig, sender: str) -> Database:
    lanes = ("alert",) if config.watch else LANES
    return PostgresDatabase(one.dsn.reveal(), sender, lease=config.lease, lanes=lanes)


async def _run_sets(config: Config, sets: Iterable[_LaneSet], stop: asyncio.Event) -> None:
    """Run all sets to their ends; a fault of one ends no other."""

    async def run_one(one_set: _LaneSet) -> None:
        # Everything that is started from here on inherits the name.
        DATABASE.set(one_set.config.name)
        await _run_lanes(config, one_set.lanes, one_set.database, stop)

    tasks = [asyncio.create_task(run_one(one_set)) for one_set in sets]
    serving = [asyncio.create_task(_serve_beside(config, config.serve, stop))] if config.serve else []
    try:
        await asyncio.wait([*tasks, *serving])
    finally:
        await _end(tasks)
        for task in serving:
            # What went wrong with it is told to the person who started it.
            if task.cancel():
                await asyncio.wait([task])
    for task in serving:
        task.result()


def _build_lanes(
    config: Config,
    one: DatabaseConfig,
    database: Database,
    wires: Mapping[str, _Wire],
    renderer: Renderer,
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
            transport=wire.transport,
            options=options,
            redact=redact,
            linker=Linker(config.link_secret, sender_from=config.sender_from) if channel == "email" else None,
            slots=wire.slots,
            weight=one.weight,
            origin=one.name,
        )
        for channel, wire in wires.items()
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


async def _serve_beside(config: Config, address: tuple[str, int], stop: asyncio.Event) -> None:
    """Listen for HTTP until stopped, and stop all if that fails: its address is taken, say."""
    # Only who serves pays for loading it.
    from dreamlit_sender.serve.run import build_server, listen

    server = build_server(config, *address)
    listening, stopping = asyncio.create_task(listen(server)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([listening, stopping], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        server.stop()
        await asyncio.wait([listening], timeout=config.shutdown_timeout + _GRACE)
    finally:
        stopping.cancel()
        if listening.cancel():
            await asyncio.wait([listening])
    listening.result()


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
    try:
        stopping = asyncio.create_task(stop.wait())
        helpers.append(stopping)
        await asyncio.wait([stopping, *workers], return_when=asyncio.FIRST_COMPLETED)
        for lane in lanes.values():
            lane.stop()
        if workers:
            await asyncio.wait(workers, timeout=config.shutdown_timeout + _GRACE)
    finally:
        await _end((*helpers, *workers))


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            log_fault(outcome)


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
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the process
            log_fault()
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

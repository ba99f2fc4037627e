"""Running the HTTP side: as a process of its own, or beside the lanes of a sender."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.log import configure_logging, log_event
from dreamlit_sender.serve.app import build_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamlit_sender.config import Config

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: who starts it says when it stops."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

    def stop(self) -> None:
        """Answer what has been asked, and end."""
        self.should_exit = True

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.servers[0].sockets[0].getsockname()[1])


def build_server(config: Config, host: str, port: int) -> HttpServer:
    """Return the server, which listens once its `serve` runs. It logs no requests: they hold tokens."""
    options = uvicorn.Config(
        build_app(config),
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=500,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=16 * 1024,
    )
    return HttpServer(options)


async def listen(server: HttpServer) -> None:
    """Serve until stopped. Raises DreamlitError if the address cannot be had."""
    host, port = server.config.host, server.config.port
    log_event(logging.INFO, "serving", host=host, port=port)
    try:
        await server.serve()
    except SystemExit:
        raise DreamlitError(
            f"{host}:{port} cannot be listened on", hint="Choose another --port, or end what listens there."
        ) from None


def serve_http(config: Config, host: str, port: int) -> int:
    """Run the HTTP side as a process of its own until SIGTERM or SIGINT; return its exit status."""
    configure_logging(config.redactor(), json_logs=config.json_logs, level=config.log_level)
    server = build_server(config, host, port)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, server.stop)
        await listen(server)
        log_event(logging.INFO, "stopped")

    asyncio.run(run())
    return 0

"""sender and serve: the external processes that deliver and that listen for HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file; else dreamlit.toml if there.",
)
@click.option("--console", "to_console", is_flag=True, help="Print messages instead of sending them.")
@click.option("--watch", is_flag=True, help="Deliver alerts only: for when all other senders are silent.")
@click.option(
    "--serve", "listen", metavar="HOST:PORT", help="Also listen for HTTP there, as dreamlit serve does."
)
@click.option("--json-logs", is_flag=True, help="Log a JSON object a line.")
@click.pass_obj
def sender(
    dsn: str, *, config: Path | None, to_console: bool, watch: bool, listen: str | None, json_logs: bool
) -> None:
    """Claim ready messages, deliver them, report. SIGTERM lets it finish what is in flight."""
    from dreamlit_sender.config import Config
    from dreamlit_sender.loop import serve

    given = {
        **({"DREAMLIT_DSN": dsn} if dsn else {}),
        **({"DREAMLIT_CONSOLE": "true"} if to_console else {}),
        **({"DREAMLIT_WATCH": "true"} if watch else {}),
        **({"DREAMLIT_SERVE": listen} if listen else {}),
        **({"DREAMLIT_JSON_LOGS": "true"} if json_logs else {}),
    }
    sys.exit(serve(Config.load(config, environ={**os.environ, **given})))


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file; else dreamlit.toml if there.",
)
@click.option("--host", help="Where to listen; else that of the setting serve, else 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Else that of the setting serve, else 8025.")
@click.option("--json-logs", is_flag=True, help="Log a JSON object a line.")
@click.pass_obj
def serve(dsn: str, *, config: Path | None, host: str | None, port: int | None, json_logs: bool) -> None:
    """Answer the links in emails and the providers' webhooks over HTTP. Put a proxy with TLS before it."""
    from dreamlit_sender.config import Config
    from dreamlit_sender.serve.run import serve_http

    given = {
        **({"DREAMLIT_DSN": dsn} if dsn else {}),
        **({"DREAMLIT_JSON_LOGS": "true"} if json_logs else {}),
    }
    found = Config.load(config, environ={**os.environ, **given})
    set_host, set_port = found.serve or ("127.0.0.1", 8025)
    sys.exit(serve_http(found, host or set_host, set_port if port is None else port))


ALL = (sender, serve)

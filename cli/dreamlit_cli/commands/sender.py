"""sender: the external process that delivers."""

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
@click.option("--json-logs", is_flag=True, help="Log a JSON object a line.")
@click.pass_obj
def sender(dsn: str, *, config: Path | None, to_console: bool, watch: bool, json_logs: bool) -> None:
    """Claim ready messages, deliver them, report. SIGTERM lets it finish what is in flight."""
    from dreamlit_sender.config import Config
    from dreamlit_sender.loop import serve

    given = {
        **({"DREAMLIT_DSN": dsn} if dsn else {}),
        **({"DREAMLIT_CONSOLE": "true"} if to_console else {}),
        **({"DREAMLIT_WATCH": "true"} if watch else {}),
        **({"DREAMLIT_JSON_LOGS": "true"} if json_logs else {}),
    }
    sys.exit(serve(Config.load(config, environ={**os.environ, **given})))


ALL = (sender,)

"""`dreamlit demo` and `dreamlit inbox`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click
from psycopg.conninfo import make_conninfo

from dreamlit_cli.output import console
from dreamlit_pg.errors import DreamlitError


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".dreamlit/demo"),
    show_default=True,
    help="Everything that the demo makes lies here.",
)
@click.option("--stop", is_flag=True, help="End what an earlier demo started.")
@click.option("--dsn", help="Play on this empty database (as superuser); sender and inbox run elsewhere.")
def demo(folder: Path, stop: bool, dsn: str | None) -> None:
    """From a row to an inbox: a private server, the example workflows, a sender and a local inbox."""
    with _needs_extra():
        from dreamlit_cli.demo.show import show, summarise
        from dreamlit_cli.demo.stage import Stage

    screen = console()
    stage = Stage(folder.absolute())
    if stop:
        screen.print("stopped" if stage.stop() else "nothing was running")
    elif dsn is not None:
        _play_elsewhere(dsn)
    else:
        try:
            stage.set_up(_say)
        except BaseException:
            stage.stop()
            raise
        screen.print()
        show(stage, screen)
        summarise(stage, screen)


def _play_elsewhere(dsn: str) -> None:
    from dreamlit_cli.demo import story
    from dreamlit_cli.demo.stage import APPLICATION, is_prepared, prepare

    if is_prepared(dsn):
        _say("the application is here already: write rows of your own")
        return
    prepare(dsn, _say)
    story.play(make_conninfo(dsn, user=APPLICATION), pause=0.2, tell=_say)


def _say(line: str) -> None:
    console().print(f"· {line}", style="dim", markup=False)


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".dreamlit/inbox"),
    show_default=True,
    help="Where the messages are written to.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--smtp-port", type=click.IntRange(0, 65535), default=1025, show_default=True, help="0: any.")
@click.option("--http-port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0: any.")
def inbox(folder: Path, host: str, smtp_port: int, http_port: int) -> None:
    """A local inbox: SMTP and Slack's endpoints; every message becomes a file to open. Ends with Ctrl-C."""
    with _needs_extra():
        from dreamlit_cli.demo.inbox import Inbox

    ended = threading.Event()

    def end(*_: object) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        server = Inbox(
            folder,
            host=host,
            smtp_port=smtp_port,
            http_port=http_port,
            on_message=lambda message: click.echo(f"{message.channel} to {message.to}: {message.subject}"),
        ).start()
    except OSError as error:
        raise DreamlitError(f"the inbox cannot listen: {error}", hint="choose another port") from error
    click.echo(
        f"messages    {server.url}\n"
        f"DREAMLIT_SMTP_URL={server.smtp_url}\n"
        f"DREAMLIT_SLACK_API_URL={server.slack_api_url}\n"
        f"DREAMLIT_SLACK_WEBHOOK_URL={server.slack_webhook_url}"
    )
    try:
        # In steps, since a signal alone does not wake a wait without an end everywhere.
        while not ended.wait(1):
            pass
    finally:
        server.stop()


class _needs_extra:  # noqa: N801 - reads as a statement
    """An import that fails for want of the extra says how to get it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ModuleNotFoundError) and error.name and error.name.startswith("aiosmtpd"):
            raise DreamlitError(
                "the package aiosmtpd is missing", hint="pip install 'dreamlit-pg[demo]'"
            ) from error

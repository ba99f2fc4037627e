"""topics, preferences, stats: what people may choose, what they chose, and what became of messages."""

from __future__ import annotations

from typing import Any

import click

from dreamlit_cli.commands.common import as_json, pass_client, show_result, show_rows
from dreamlit_pg.client import Client

COUNTS = (
    *("sent", "delivered", "bounced", "complained", "opened", "opened_by_machine"),
    *("clicked", "clicked_by_machine", "unsubscribed", "suppressed"),
)


class Choice(click.ParamType):  # type: ignore[type-arg]
    """TOPIC=on or TOPIC=off; the topic all is everything."""

    name = "topic=on|off"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, bool]:
        """The topic (None for everything) and whether it is on."""
        topic, _, how = str(value).partition("=")
        if not topic or how not in ("on", "off"):
            self.fail(f"{value!r} is no choice: write news=off, or all=on", param, ctx)
        return None if topic in ("all", "*") else topic, how == "on"


@click.command()
@click.option("--set", "made", nargs=2, metavar="NAME TITLE", help="Make a topic, or give it this title.")
@click.option("--description", help="With --set: what people read below the title.")
@click.option("--drop", "dropped", metavar="NAME", help="Take a topic away that no workflow uses.")
@as_json
@pass_client
def topics(
    client: Client,
    *,
    made: tuple[str, str] | None,
    description: str | None,
    dropped: str | None,
    as_json: bool,
) -> None:
    """What people may choose to get: emails that are not transactional belong to a topic."""
    if made and dropped:
        raise click.UsageError("--set and --drop do not go together")
    if description is not None and not made:
        raise click.UsageError("--description goes with --set")
    if made:
        new = client.set_topic(made[0], made[1], description=description)
        show_result("new topic", new, as_json=as_json)
    elif dropped:
        show_result("dropped", client.drop_topic(dropped), as_json=as_json)
    else:
        columns = ("topic", "title", "description", "workflows", "unsubscribed")
        show_rows(
            client.topics(), columns, as_json=as_json, empty="no topics: make one with --set NAME TITLE"
        )


@click.command()
@click.argument("address")
@click.option(
    "--set", "choices", multiple=True, type=Choice(), help="Turn a topic, or all, on or off; may be repeated."
)
@click.option("--channel", type=click.Choice(["email", "slack"]), help="With --set: for this channel only.")
@as_json
@pass_client
def preferences(
    client: Client,
    *,
    address: str,
    choices: tuple[tuple[str | None, bool], ...],
    channel: str | None,
    as_json: bool,
) -> None:
    """What ADDRESS chose to get; the first line is everything. Mail goes where both say yes."""
    for topic, subscribed in choices:
        client.set_preference(address, topic, subscribed=subscribed, channel=channel)
    found = [
        row if as_json else {**row, "topic": row["topic"] or "all", "channel": row["channel"] or "every"}
        for row in client.preferences(address)
    ]
    show_rows(found, ("topic", "title", "channel", "subscribed", "changed_at", "via"), as_json=as_json)


@click.command()
@click.argument("workflow", required=False)
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="Of so many days.")
@as_json
@pass_client
def stats(client: Client, *, workflow: str | None, days: int, as_json: bool) -> None:
    """What became of messages, by workflow, step, version, day and channel; each message counts once."""
    found = client.message_stats(workflow=workflow, days=days)
    show_rows(found, ("day", "workflow", "step", "version", "channel", *COUNTS), as_json=as_json)


ALL = (topics, preferences, stats)

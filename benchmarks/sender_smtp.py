"""What the sender makes of a fast SMTP server, against a bare aiosmtplib loop with as many connections."""

from __future__ import annotations

import asyncio
import statistics
from email.message import EmailMessage

import aiosmtplib

from benchmarks.extent import Extent
from benchmarks.live import sending, smtp_settings
from benchmarks.load import Workers, await_settled, empty_orders, insert_orders, watch_orders
from benchmarks.place import Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.sinks import Sink, open_sink

NAME = "sender-smtp"
ABOUT = (
    "one `dreamlit sender` as it comes (16 deliveries at once) on a filled outbox, an SMTP sink in a"
    " process of its own; beside it aiosmtplib's send_message on 16 connections, each message built by the"
    " standard library; from the first to the last message that the sink accepts"
)
MESSAGES = 10_000
CONNECTIONS = 16


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes the bare loop and the sender in turn."""
    count = extent.of(MESSAGES, least=50)
    watch_orders(place)
    samples: dict[str, list[float]] = {"bare": [], "sender": []}
    with open_sink("smtp") as sink:
        for _ in range(extent.rounds):
            sink.expect(count)
            asyncio.run(_bare(sink.port, count))
            samples["bare"].append(count / sink.took())
            samples["sender"].append(count / sent_by_sender(place, sink, count, smtp_settings(sink.port)))
    bare, sender = (statistics.median(samples[who]) for who in ("bare", "sender"))
    reaches = [Reach(of="ratio", bound="at least", limit=0.9)]
    figure = Figure(
        what=f"{count:,} e-mails over SMTP",
        value=sender,
        unit="/s",
        baseline=bare,
        ratio=sender / bare,
        reaches=reaches,
    )
    return Result(bench=NAME, about=ABOUT, figures=[figure], samples=samples)


def sent_by_sender(place: Place, sink: Sink, count: int, settings: dict[str, str]) -> float:
    """Seconds from the first to the last of so many messages of a filled outbox."""
    with place.connect() as connection, place.connect(place.superuser_dsn) as watcher, Workers(place) as crew:
        insert_orders(connection, count)
        crew.work()
        place.settle()
        sink.expect(count)
        with sending(place, settings):
            seconds = sink.took()
            await_settled(watcher, count)
        empty_orders(watcher)
    return seconds


async def _bare(port: int, count: int) -> None:
    numbers = iter(range(1, count + 1))

    async def send() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for number in numbers:
                message = EmailMessage()
                message["From"] = "Bench <bench@example.com>"
                message["To"] = f"person{number}@example.com"
                message["Subject"] = f"Order of Person {number}"
                message.set_content(f"Your order {number} has been paid.")
                message.add_alternative(
                    f"<html><body><p>Your order {number} has been paid.</p></body></html>", subtype="html"
                )
                await client.send_message(message)

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))

"""What the sender makes of a provider's API, single messages and batches, against a bare httpx loop."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from typing import Any

import httpx

from benchmarks.extent import Extent
from benchmarks.load import watch_orders
from benchmarks.place import Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.sender_smtp import sent_by_sender
from benchmarks.sinks import open_sink

NAME = "sender-http"
ABOUT = (
    "one `dreamlit sender` as it comes (16 deliveries at once) with Resend's API on a filled outbox, the"
    " endpoint in a process of its own; beside it httpx on 16 connections with the same requests; from the"
    " first to the last message that the endpoint accepts"
)
MESSAGES = 10_000
CONNECTIONS = 16
BATCH = 100
REACHES = {
    "batches of 100": Reach(of="value", bound="at least", limit=5000),
    "single messages": Reach(of="ratio", bound="at least", limit=0.9),
}


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes both ways, bare and by the sender in turn."""
    count = extent.of(MESSAGES, least=200)
    watch_orders(place)
    samples: dict[str, list[float]] = {}
    with open_sink("http") as sink:
        url = f"http://127.0.0.1:{sink.port}"
        for _ in range(extent.rounds):
            for what, size in zip(REACHES, (BATCH, 1), strict=True):
                sink.expect(count)
                asyncio.run(_bare(url, count, size))
                samples.setdefault(f"{what}, bare", []).append(count / sink.took())
                settings = _settings(url, size)
                samples.setdefault(what, []).append(count / sent_by_sender(place, sink, count, settings))
    figures = []
    for what, reach in REACHES.items():
        bare, sender = (statistics.median(samples[name]) for name in (f"{what}, bare", what))
        figures.append(
            Figure(
                what=f"{count:,} e-mails, {what}",
                value=sender,
                unit="/s",
                baseline=bare,
                ratio=sender / bare,
                reaches=[reach],
            )
        )
    return Result(bench=NAME, about=ABOUT, figures=figures, samples=samples)


def _settings(url: str, batch: int) -> dict[str, str]:
    return {
        "DREAMLIT_PROVIDER": "resend",
        "DREAMLIT_RESEND_API_KEY": "re_bench",
        "DREAMLIT_PROVIDER_URL": url,
        "DREAMLIT_PROVIDER_BATCH": str(batch),
    }


async def _bare(url: str, count: int, size: int) -> None:
    requests = _requests(url, count, size)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits) as client:

        async def post() -> None:
            for where, content in requests:
                (await client.post(where, json=content)).raise_for_status()

        await asyncio.gather(*(post() for _ in range(CONNECTIONS)))


def _requests(url: str, count: int, size: int) -> Iterator[tuple[str, Any]]:
    for first in range(0, count, size):
        emails = [_email(number) for number in range(first, min(first + size, count))]
        yield (f"{url}/emails", emails[0]) if size == 1 else (f"{url}/emails/batch", emails)


def _email(number: int) -> dict[str, Any]:
    return {
        "from": "Bench <bench@example.com>",
        "to": [f"person{number}@example.com"],
        "subject": f"Order of Person {number}",
        "text": f"Hello Person {number}. Your order has been paid. We will write to you when it leaves.",
        "html": f"<html><body><h1>Hello Person {number}</h1><p>Your order has been paid.</p></body></html>",
    }

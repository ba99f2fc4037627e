"""Whether a snapshot that an analyst holds open slows the engine, while dead rows pile up behind it."""

from __future__ import annotations

import statistics
import time

from benchmarks.extent import Extent
from benchmarks.latency import write_evenly
from benchmarks.live import working
from benchmarks.load import NullSender, at_once, insert_orders, watch_orders
from benchmarks.place import Connection, Place
from benchmarks.result import Curves, Figure, Reach, Result

NAME = "held-xmin"
ABOUT = (
    "200 rows a second from the table to a null sender, one worker, while another session holds a snapshot;"
    " before, and six times meanwhile, how fast bursts of 5,000 rows go the same way, of several the median"
)
BURST = 5_000
RATE = 200
PARTS = 6
SECONDS, FULL_SECONDS = 60, 600


def run(place: Place, extent: Extent) -> Result:
    """Measure bursts before; then open the snapshot, and load and measure in turn."""
    burst = extent.of(BURST, least=200)
    seconds = extent.time(SECONDS, full=FULL_SECONDS)
    watch_orders(place)
    sender = NullSender(place)
    with place.connect() as writer, working(place), place.connect(place.superuser_dsn) as analyst:
        _burst(writer, sender, burst)
        place.settle()

        def bursts() -> list[float]:
            return [_burst(writer, sender, burst) for _ in range(max(extent.rounds, 1))]

        before = bursts()
        place.settle()
        analyst.execute("begin isolation level repeatable read")
        analyst.execute("select count(*) from app.orders")
        held, meanwhile = [], []
        for part in range(1, PARTS + 1):
            _load(place, sender, seconds / PARTS)
            found = bursts()
            meanwhile += found
            held.append((seconds * part / PARTS, statistics.median(found)))
        analyst.execute("rollback")
    sender.close()
    rate_before = statistics.median(before)
    rate_after = statistics.median(rate for _, rate in held[-3:])
    figure = Figure(
        what=f"bursts of {burst:,} in the last half of {seconds:,.0f} s",
        value=rate_after,
        unit="/s",
        baseline=rate_before,
        ratio=rate_after / rate_before,
        reaches=[Reach(of="ratio", bound="at least", limit=0.9)],
    )
    return Result(
        bench=NAME,
        about=ABOUT,
        figures=[figure],
        samples={"before": before, "meanwhile": meanwhile},
        curves=Curves(
            x="seconds since the snapshot",
            y="notifications a second",
            lines={"burst": [(0.0, rate_before), *held]},
        ),
    )


def _burst(writer: Connection, sender: NullSender, count: int) -> float:
    """Notifications a second from the first insert to the report of the last."""
    goal = sender.sent + count
    started = time.perf_counter()
    insert_orders(writer, count)
    _send_until(sender, goal)
    return count / (time.perf_counter() - started)


def _load(place: Place, sender: NullSender, seconds: float) -> None:
    """A steady stream for so long, worked off and sent as it comes."""
    count = max(1, round(RATE * seconds))
    goal = sender.sent + count
    at_once([lambda: write_evenly(place, first=1, count=count, rate=RATE), lambda: _send_until(sender, goal)])


def _send_until(sender: NullSender, goal: int) -> None:
    until = time.monotonic() + 1800
    while sender.sent < goal:
        if not sender.send():
            if time.monotonic() > until:
                raise AssertionError(f"{goal - sender.sent} messages never came to the sender")
            time.sleep(0.01)

"""Every bench by its name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import (
    capture_bulk,
    capture_single,
    engine,
    fan_out,
    held_xmin,
    history,
    idle,
    latency,
    neighbour,
    sender_http,
    sender_smtp,
    sleepers,
    wal,
)
from benchmarks.extent import Extent
from benchmarks.place import Place
from benchmarks.result import Result

BENCHES: dict[str, Callable[[Place, Extent], Result]] = {
    module.NAME: module.run
    for module in (
        capture_single,
        capture_bulk,
        engine,
        latency,
        fan_out,
        sleepers,
        history,
        held_xmin,
        neighbour,
        idle,
        sender_smtp,
        sender_http,
        wal,
    )
}

"""A process of a peer: `python -m benchmarks.peers.child NAME ROLE`, the database in BENCH_DSN.

What it says is told in `process`. A peer's module has `set_up(dsn)`, `enqueuer(dsn)` and `worker(dsn)`; the
last two return what is called once told.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time

from benchmarks.peers import notification


def main(name: str, role: str) -> None:
    """Do a role until the input is closed."""
    module = importlib.import_module(f"benchmarks.peers.{name.replace('-', '_')}_peer")
    dsn = os.environ["BENCH_DSN"]
    match role:
        case "set-up":
            module.set_up(dsn)
            _say("ready")
        case "enqueue":
            _enqueue(module.enqueuer(dsn))
        case "work":
            _work(module.worker(dsn))


def _enqueue(enqueue) -> None:
    _say("ready")
    for line in sys.stdin:
        count = int(line.split()[1])
        started = time.perf_counter()
        enqueue(count)
        _say(f"enqueued {time.perf_counter() - started}")
    os._exit(0)


def _work(work) -> None:
    notification.warm()
    _say("ready")
    if not sys.stdin.readline():
        os._exit(0)
    threading.Thread(target=_tell, daemon=True).start()
    threading.Thread(target=_end_with_input, daemon=True).start()
    work()


def _tell() -> None:
    told = 0
    while True:
        time.sleep(0.005)
        if notification.handed_over != told:
            told = notification.handed_over
            _say(f"did {told}")


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What capture costs a durable single-row insert: transactions a second against a table without a trigger."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.place import Place
from benchmarks.result import Figure, Result
from benchmarks.workflows import COLUMNS, paid
from dreamlit_pg.errors import DreamlitError

NAME = "capture-single"
ABOUT = "durable inserts of one row each by pgbench, in turns with the same table without a trigger"
TABLES = {"bare": None, "matching": "new.amount >= 0", "not matching": "new.amount < 0"}
CLIENTS = (1, 8)
ROUNDS = 3
SECONDS = 6


def run(place: Place, scale: float = 1) -> Result:
    """Measure; each round takes every table in turn."""
    with place.connect() as connection:
        for kind, when in TABLES.items():
            table = _table(kind)
            connection.execute(f"create table {table} ({COLUMNS})")
            if when:
                place.publish(paid(table, when=when))
    samples: dict[str, list[float]] = {}
    for clients in CLIENTS:
        place.settle()
        for _ in range(ROUNDS):
            for kind in TABLES:
                tps = _pgbench(place, _table(kind), clients, max(1, round(SECONDS * scale)))
                samples.setdefault(f"{kind}, {_clients(clients)}", []).append(tps)
    return Result(bench=NAME, about=ABOUT, figures=_figures(samples), samples=samples)


def _figures(samples: dict[str, list[float]]) -> list[Figure]:
    figures = []
    for clients in map(_clients, CLIENTS):
        bare = statistics.median(samples[f"bare, {clients}"])
        for kind in ("matching", "not matching"):
            tps = statistics.median(samples[f"{kind}, {clients}"])
            what = f"rows {kind}, {clients}"
            figures.append(Figure(what=what, value=tps, unit="/s", baseline=bare, ratio=tps / bare))
    return figures


def _table(kind: str) -> str:
    return f"app.{kind.replace(' ', '_')}"


def _clients(clients: int) -> str:
    return "1 client" if clients == 1 else f"{clients} clients"


def _pgbench(place: Place, table: str, clients: int, seconds: int) -> float:
    """Transactions a second."""
    program = shutil.which("pgbench", path=str(place.cluster.bin)) or shutil.which("pgbench")
    if program is None:
        raise DreamlitError("pgbench is missing", hint="it comes with the server's or the client's package")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(
            "\\set n random(1, 1000000)\n"
            f"insert into {table} (name, email, amount, note)"
            " values ('Person ' || :n, 'person' || :n || '@example.com',"
            " :n % 1000 + 0.99, repeat('x', 40));\n"
        )
        words = ["-n", "-M", "prepared", "-f", str(script), "-c", str(clients), "-j", str(min(clients, 2))]
        done = subprocess.run(
            [program, *words, "-T", str(seconds), place.dsn()], capture_output=True, text=True, check=False
        )
    found = re.search(r"tps = ([\d.]+) \(without initial", done.stdout)
    if found is None:
        raise DreamlitError(f"pgbench: {(done.stderr or done.stdout).strip()[-1000:]}")
    return float(found[1])

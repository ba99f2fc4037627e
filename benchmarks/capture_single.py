"""What capture costs a durable single-row insert: transactions a second against a table without a trigger."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.extent import Extent
from benchmarks.place import Place
from benchmarks.result import Figure, Reach, Result
from benchmarks.workflows import COLUMNS, paid
from dreamlit_pg.errors import DreamlitError

NAME = "capture-single"
ABOUT = "durable inserts of one row each by pgbench, in turns with the same table without a trigger"
BARE = "bare"
CONDITIONS = {"matching": "new.amount >= 0", "not matching": "new.amount < 0"}
FOR_EACH = ("statement", "row")
TABLES = {BARE: None} | {
    f"{kind}, for each {each}": {"when": when, "for_each": each}
    for each in FOR_EACH
    for kind, when in CONDITIONS.items()
}
CLIENTS = (1, 8)
REACHES = {"matching": 0.85, "not matching": 0.95}
"""Of the bare table's rate, with the most clients."""
SECONDS = 6


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes every table in turn."""
    with place.connect() as connection:
        for kind, trigger in TABLES.items():
            table = _table(kind)
            connection.execute(f"create table {table} ({COLUMNS})")
            if trigger:
                place.publish(paid(table, **trigger))
    samples: dict[str, list[float]] = {}
    for clients in CLIENTS:
        place.settle()
        for _ in range(extent.rounds):
            for kind in TABLES:
                tps = _pgbench(place, _table(kind), clients, round(extent.time(SECONDS)))
                samples.setdefault(f"{kind}, {_clients(clients)}", []).append(tps)
    return Result(bench=NAME, about=ABOUT, figures=_figures(samples), samples=samples)


def _figures(samples: dict[str, list[float]]) -> list[Figure]:
    figures = []
    for count in CLIENTS:
        clients = _clients(count)
        bare = statistics.median(samples[f"{BARE}, {clients}"])
        for kind in TABLES:
            if kind == BARE:
                continue
            limit = REACHES[kind.partition(",")[0]]
            tps = statistics.median(samples[f"{kind}, {clients}"])
            reaches = [Reach(of="ratio", bound="at least", limit=limit)] if count == max(CLIENTS) else []
            figures.append(
                Figure(
                    what=f"rows {kind}, {clients}",
                    value=tps,
                    unit="/s",
                    baseline=bare,
                    ratio=tps / bare,
                    reaches=reaches,
                )
            )
    return figures


def _table(kind: str) -> str:
    return f"app.{kind.replace(',', '').replace(' ', '_')}"


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

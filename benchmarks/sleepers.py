"""Whether tasks that wait slow those that do not: the engine with none, 100,000 and a million of them."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.extent import Extent
from benchmarks.load import Workers, table_to_outbox, watch_orders
from benchmarks.place import Place, fresh_place
from benchmarks.result import Result
from benchmarks.seed import clone_rows, reserve
from benchmarks.slope import levels, slope
from benchmarks.workflows import COLUMNS, paid

NAME = "sleepers"
ABOUT = (
    "the engine's 20,000 rows to the outbox by one worker, beside tasks of another workflow that wait for"
    " up to 30 days; a database for each number of them, in turns"
)
EVENTS = 20_000
WAITING = (0, 100_000, 1_000_000)
FULL = 10_000_000


def run(place: Place, extent: Extent) -> Result:
    """Measure; each round takes every number in turn."""
    counts = levels(extent, WAITING, FULL)
    with ExitStack() as stack:
        places = {}
        for number, count in enumerate(counts):
            own = stack.enter_context(fresh_place(place.cluster, f"{NAME}-{number}"))
            watch_orders(own)
            put_to_sleep(own, count)
            own.settle()
            places[count] = own
        return slope(
            NAME,
            ABOUT,
            extent,
            {count: lambda own=own: table_to_outbox(own, _events(extent)) for count, own in places.items()},
            events=_events(extent),
            of="waiting tasks",
        )


def _events(extent: Extent) -> int:
    return extent.of(EVENTS, least=100)


def put_to_sleep(place: Place, count: int) -> None:
    """So many runs whose one task waits: a real one, and its clones."""
    if count == 0:
        return
    with place.connect() as connection:
        connection.execute(f"create table app.sleepers ({COLUMNS})")
    definition = paid("app.sleepers")
    definition["steps"].insert(0, {"id": "nap", "wait": "30 days"})
    place.publish(definition)
    with place.connect() as connection, Workers(place) as crew:
        connection.execute(
            "insert into app.sleepers (name, email) values ('Person 0', 'person0@example.com')"
        )
        crew.work()
    with place.connect(place.superuser_dsn) as connection:
        row = connection.execute("select array_agg(state) from dreamlit._tasks").fetchone()
        if row is None or row[0] != ["waiting"]:
            raise AssertionError(f"one sleeping task was expected, and found were {row}")
        run_id = reserve(connection, "dreamlit._runs_run_id_seq", count)
        task_id = reserve(connection, "dreamlit._tasks_task_id_seq", count)
        ago = "interval '1 day' * (1 + 28 * random())"
        clone_rows(
            connection,
            "_runs",
            count - 1,
            {"run_id": f"{run_id} + i", "event_id": "nextval('dreamlit._event_id_seq')", "key": "null"},
        )
        clone_rows(
            connection,
            "_tasks",
            count - 1,
            {"task_id": f"{task_id} + i", "run_id": f"{run_id} + i", "due_at": f"now() + {ago}"},
        )

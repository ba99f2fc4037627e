"""Either side stops at once, in the middle of everything: each committed row starts one run."""

from __future__ import annotations

import threading

import psycopg
import pytest
from tests.helpers import email, publish, value, wait_until, work
from tests.replica.conftest import Pair

pytestmark = pytest.mark.slow


class Application(threading.Thread):
    """Adds a user a transaction at the source, through its restarts, and notes which were committed."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self._enough = threading.Event()
        self.committed: set[int] = set()
        self.errors = 0

    def run(self) -> None:
        number = 0
        while not self._enough.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True) as connection:
                    while not self._enough.wait(0.002):
                        number += 1
                        connection.execute(
                            "insert into public.users values (%s, %s, 'x', 'free')",
                            [number, f"u{number}@example.com"],
                        )
                        self.committed.add(number)
            except psycopg.OperationalError:
                self.errors += 1
                self._enough.wait(0.05)

    def finish(self) -> None:
        """End, and know that it ended."""
        self._enough.set()
        self.join(30)
        assert not self.is_alive()


@pytest.mark.parametrize("side", ["source", "replica"])
def test_nothing_is_lost_or_captured_twice_when_a_side_stops_at_once(replica: Pair, side: str) -> None:
    publish(
        replica.admin,
        {
            "workflow": "hello",
            "trigger": {"table": "public.users", "on": "insert"},
            "steps": [email()],
        },
    )
    replica.subscribe()
    application = Application(replica.servers.source.dsn(replica.name))
    application.start()
    for step in (1, 2):
        wait_until(lambda step=step: len(application.committed) >= 100 * step)
        getattr(replica.servers, side).restart(mode="immediate")
        replica.reconnect()
        work(replica.superuser)
    seen = len(application.committed)
    wait_until(lambda: len(application.committed) >= seen + 100)
    application.finish()
    assert (application.errors > 0) == (side == "source")

    replica.catch_up()
    # A commit whose answer was lost may stand in the table without being in the application's notes.
    there = value(replica.source, "select count(*) from public.users")
    assert there >= len(application.committed)
    work(replica.superuser, 5)
    runs = "select count(*), count(distinct payload -> 'trigger' ->> 'user_id') from dreamlit.event_log"
    assert replica.superuser.execute(runs.encode()).fetchone() == (there, there)
    lost = replica.superuser.execute(
        "select u.user_id from public.users as u where not exists ("
        " select from dreamlit.event_log as e where e.payload -> 'trigger' ->> 'user_id' = u.user_id::text)"
    ).fetchall()
    assert lost == []

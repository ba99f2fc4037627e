"""Several senders for one database: each gets its share, nothing is lost and nothing comes twice unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from psycopg.conninfo import make_conninfo
from tests.faults.conftest import LONG, Scene
from tests.faults.ledger import Load
from tests.faults.servers import Proxy, proxy_to
from tests.helpers import rows, value, wait_until, work

SENDERS = 4
ROUNDS = 20 if LONG else 3


@contextmanager
def _proxied_senders(scene: Scene) -> Iterator[list[Proxy]]:
    """Senders of which each has a way of its own to the database, as on hosts of their own."""
    target = scene.cluster.socket_folder / f".s.PGSQL.{scene.cluster.port}"
    with ExitStack() as stack:
        proxies = [stack.enter_context(proxy_to(target)) for _ in range(SENDERS)]
        for proxy in proxies:
            dsn = make_conninfo(scene.dsn_of("sender"), host="127.0.0.1", port=proxy.port, sslmode="disable")
            stack.enter_context(scene.running_sender(dsn, DREAMLIT_CONCURRENCY="4", DREAMLIT_CHUNK="4"))
        yield proxies


def test_a_backlog_is_shared_by_all_senders(scene: Scene) -> None:
    scene.superuser.execute("""select dreamlit.set_setting('lease', '"60 seconds"')""")
    scene.application.order(*["hold"] * 400)
    wait_until(
        lambda: (
            value(scene.superuser, "select count(*) = 400 from dreamlit.messages where state = 'queued'")
            or work(scene.superuser)
        )
    )
    patient = {
        "DREAMLIT_SMTP_URL": f"smtp://127.0.0.1:{scene.receivers.smtp_port}?starttls=never&timeout=60",
        "DREAMLIT_DELIVERY_TIMEOUT": "60",
        "DREAMLIT_CONCURRENCY": "4",
        "DREAMLIT_CHUNK": "4",
    }
    gate = scene.receivers.post.gate("rcpt")
    for _ in range(SENDERS):
        scene.start_sender(**patient)
    gate.wait_for(4 * SENDERS)  # all of them are at it
    del scene.receivers.post.hooks["rcpt"]
    gate.open()
    found = scene.account(f"{SENDERS} senders share a backlog")
    assert found.states == {"sent": 400}
    assert found.doubled == 0
    parts = {
        row["sender"]: row["messages"]
        for row in rows(
            scene.superuser,
            "select sender, count(*) as messages from dreamlit.attempts where outcome = 'sent' group by sender",
        )
    }
    assert len(parts) == SENDERS
    assert min(parts.values()) >= 400 / SENDERS / 2, parts


@pytest.mark.slow
def test_senders_whose_connections_are_cut_in_turn_lose_nothing_and_repeat_nothing_unseen(
    scene: Scene,
) -> None:
    with _proxied_senders(scene) as proxies:
        with Load(scene.application, per_second=60):
            for number in range(1, ROUNDS * SENDERS + 1):
                wait_until(lambda number=number: len(scene.deliveries.entries()) >= 15 * number)
                proxies[number % SENDERS].cut()
                scene.superuser.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                    " and application_name = 'dreamlit sender tick' order by random() limit 1"
                )
        found = scene.account(f"{SENDERS} senders, each cut {ROUNDS} times")
    senders = Counter(
        row["sender"]
        for row in rows(scene.superuser, "select sender from dreamlit.attempts where outcome = 'sent'")
    )
    assert len(senders) == SENDERS, senders
    assert found.states.keys() <= {"sent", "uncertain"}

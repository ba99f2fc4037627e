"""A worker ended in mid-batch, a server killed under load, connections cut, answers lost."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.faults.conftest import LONG, SECONDS, Scene, note
from tests.faults.ledger import Load
from tests.faults.servers import Proxy, proxy_to
from tests.helpers import value, wait_until, work

ROUNDS = 12 if LONG else 1
UNITS = {"launching": "dreamlit._runs", "posting": "dreamlit._messages"}
"""In the middle of what a worker stands when it waits for this table."""

REPORT_WAITS = "pgmq.q_dreamlit_render"
"""A report looks for its messages in all outbox queues; a claim of email does not look here."""

SENDERS = "datname = current_database() and application_name like 'dreamlit sender%'"


@contextmanager
def _worker_in_mid_batch(scene: Scene, unit: str) -> Iterator[int]:
    """A worker that stands in the middle of a batch; yields its pid."""

    def labour() -> None:
        with suppress(psycopg.OperationalError), scene.session("admin") as worker:
            worker.execute("call dreamlit.work(60)")

    with scene.locked(UNITS[unit], "exclusive"):
        thread = threading.Thread(target=labour)
        thread.start()
        wait_until(lambda: scene.waits_for_lock("dreamlit.work"))
        yield value(
            scene.superuser,
            "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like 'call dreamlit.work%%'"
            " and datname = current_database()",
        )
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("unit", UNITS)
def test_a_worker_ended_in_mid_batch(scene: Scene, unit: str) -> None:
    for _ in range(ROUNDS):
        for _ in range(20):
            scene.application.order("hold", "retry", "slack")
        scene.application.order("hold", commit=False)
        with _worker_in_mid_batch(scene, unit) as pid:
            scene.superuser.execute("select pg_terminate_backend(%s)", [pid])
    scene.start_sender()
    found = scene.account(f"pg_terminate_backend of a worker {unit}")
    assert found.states == {"sent": found.committed}


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_a_worker_killed_in_mid_batch_takes_the_whole_server_down(own_scene: Scene, unit: str) -> None:
    scene = own_scene
    sender = scene.start_sender()
    for _ in range(ROUNDS):
        for _ in range(20):
            scene.application.order("hold", "retry")
        with Load(scene.new_application(), per_second=50), _worker_in_mid_batch(scene, unit) as pid:
            os.kill(pid, signal.SIGKILL)
            scene.see_the_crash()
        scene.application.close()
    scene.account(f"kill -9 of a worker {unit}, under load")
    assert sender.poll() is None, "the same sender goes on"


@pytest.mark.slow
def test_a_server_stopped_at_once_under_load(own_scene: Scene) -> None:
    scene = own_scene
    sender = scene.start_sender()
    with Load(scene.application, per_second=100) as load:
        for number in range(1, ROUNDS + 1):
            wait_until(lambda number=number: len(scene.deliveries.entries()) >= 30 * number)
            scene.cluster.restart(mode="immediate")
    assert load.errors, "the application noticed"
    scene.reconnect()
    scene.account("pg_ctl -m immediate stop under load")
    assert sender.poll() is None, "the same sender goes on"


def test_a_senders_connections_cut_under_load(scene: Scene) -> None:
    sender = scene.start_sender()
    with Load(scene.application, per_second=100):
        for number in range(1, 3 * ROUNDS + 1):
            wait_until(lambda number=number: len(scene.deliveries.entries()) >= 15 * number)
            scene.superuser.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where {SENDERS}".encode()
            )
    scene.account("pg_terminate_backend of a sender's sessions")
    assert sender.poll() is None, "the same sender goes on"


# Answers of the database that never arrive --------------------------------------------------------


@contextmanager
def _proxied_sender(scene: Scene) -> Iterator[Proxy]:
    target = scene.cluster.socket_folder / f".s.PGSQL.{scene.cluster.port}"
    with proxy_to(target) as proxy:
        dsn = make_conninfo(scene.dsn_of("sender"), host="127.0.0.1", port=proxy.port, sslmode="disable")
        with scene.running_sender(dsn):
            yield proxy


def _message_in_the_outbox(scene: Scene) -> str:
    (token,) = scene.application.order("hold")
    work(scene.superuser, 2)
    return token


def test_the_answer_to_a_claim_is_lost(scene: Scene) -> None:
    """What it leased is leased again when the lease is over."""
    token = _message_in_the_outbox(scene)
    with scene.locked("pgmq.q_dreamlit_email_alert") as holder, _proxied_sender(scene) as proxy:
        wait_until(lambda: scene.waits_for_lock("dreamlit.claim"))
        proxy.mute()
        holder.rollback()
        wait_until(
            lambda: value(scene.superuser, "select max(read_ct) = 1 from pgmq.q_dreamlit_email_urgent")
        )
        wait_until(lambda: proxy.swallowed)
        proxy.cut()
        scene.account("the answer to a claim is lost")
    assert scene.state_of(token) == ("sent", 1)


def test_the_answer_to_the_report_of_a_start_is_lost(scene: Scene) -> None:
    """The same report is made again on the next connection, and says again that the delivery may begin."""
    token = _message_in_the_outbox(scene)
    with scene.locked(REPORT_WAITS, "exclusive") as holder, _proxied_sender(scene) as proxy:
        wait_until(lambda: scene.waits_for_lock("dreamlit.report"))
        proxy.mute()
        holder.rollback()
        wait_until(lambda: value(scene.superuser, "select count(*) = 1 from dreamlit.attempts"))
        wait_until(lambda: proxy.swallowed)
        proxy.cut()
        scene.account("the answer to the report of a start is lost")
    assert scene.state_of(token) == ("sent", 1)


def test_the_answer_to_the_report_of_a_delivery_is_lost(scene: Scene) -> None:
    """The same report is made again on the next connection, and counts once."""
    token = _message_in_the_outbox(scene)
    gate = scene.receivers.post.gate("accepted")
    with _proxied_sender(scene) as proxy:
        gate.wait_for(1)
        with scene.locked(REPORT_WAITS, "exclusive"):
            gate.open()
            wait_until(lambda: scene.waits_for_lock("dreamlit.report"))
            proxy.mute()
        sent = "select count(*) = 1 from dreamlit.attempts where outcome = 'sent'"
        wait_until(lambda: value(scene.superuser, sent))
        wait_until(lambda: proxy.swallowed)
        proxy.cut()
        scene.account("the answer to the report of a delivery is lost")
    assert scene.state_of(token) == ("sent", 1)
    assert value(scene.superuser, "select count(*) from dreamlit.attempts") == 1


# All at once --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_everything_at_once(own_scene: Scene) -> None:
    """Senders killed, sessions ended, the server stopped at once, mail dropped: at random, under load."""
    scene = own_scene
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(10**6))
    note(f"seed {seed}")
    chance = random.Random(seed)
    senders = [scene.start_sender(), scene.start_sender()]

    def kill_a_sender() -> None:
        victim = chance.randrange(2)
        senders[victim].kill()
        senders[victim].wait(30)
        senders[victim] = scene.start_sender()

    def end_sessions() -> None:
        with suppress(psycopg.OperationalError):
            scene.superuser.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where {SENDERS} and random() < 0.5".encode()
            )

    def stop_the_server() -> None:
        scene.cluster.restart(mode="immediate")
        scene.reconnect()

    faults: list[Callable[[], None]] = [kill_a_sender, end_sessions, end_sessions, stop_the_server]
    end = time.monotonic() + (SECONDS / 2 if LONG else 0)
    rounds = 0
    with Load(scene.application, per_second=100):
        while rounds < len(faults) or time.monotonic() < end:
            before = len(scene.deliveries.entries())
            wait_until(lambda before=before: len(scene.deliveries.entries()) >= before + 10)
            (faults[rounds] if rounds < len(faults) else chance.choice(faults))()
            rounds += 1
    scene.account(f"{rounds} faults at random, under load")

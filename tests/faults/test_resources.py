"""What a server runs out of, and what stands in the way: space, connections, time, locks, the clock."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from tests.faults.conftest import LONG, Scene, workflow_for
from tests.faults.ledger import Load
from tests.helpers import Connection, publish, shift_clock, value, wait_until, work

from dreamlit_pg.cluster import Cluster

ROUNDS = 10 if LONG else 1


# Space --------------------------------------------------------------------------------------------


class SmallDisk:
    """A file system of two megabytes for tablespaces."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self) -> None:
        """Leave not a byte."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink()


@pytest.fixture
def small_disk(own_cluster: Cluster) -> Iterator[SmallDisk]:
    place = own_cluster.start().data.parent / "small"
    place.mkdir()
    owner = pwd.getpwuid(own_cluster.data.stat().st_uid)
    options = f"size=2m,mode=0700,uid={owner.pw_uid},gid={owner.pw_gid}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "dreamlit", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        place.rmdir()
        pytest.skip("a file system of its own needs the right to mount")
    try:
        with psycopg.connect(own_cluster.dsn(), autocommit=True) as connection:
            connection.execute(f"create tablespace small location '{place}'".encode())
        yield SmallDisk(place)
        with psycopg.connect(own_cluster.dsn(), autocommit=True) as connection:
            connection.execute("checkpoint")
            connection.execute("drop tablespace small")
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def _until_it_fails(attempt: Callable[[], object]) -> None:
    for _ in range(2000):
        attempt()


def _move(scene: Scene, *queues: str) -> None:
    for queue in queues:
        scene.superuser.execute(f"alter table pgmq.{queue} set tablespace small".encode())


@pytest.mark.slow
def test_no_room_for_events(small_disk: SmallDisk, own_scene: Scene) -> None:
    """The write fails like any other on a full disk, whole; with room it goes on."""
    scene = own_scene
    _move(scene, "q_dreamlit_events")
    for _ in range(ROUNDS):
        scene.application.order("hold")
        small_disk.fill()
        with pytest.raises(psycopg.errors.DiskFull):
            _until_it_fails(lambda: scene.application.order("hold", "retry"))
        small_disk.free()
        scene.application.order("retry")
    scene.start_sender()
    scene.account("disk full for the event queue")


@pytest.mark.slow
def test_no_room_for_messages_fails_no_task(small_disk: SmallDisk, own_scene: Scene) -> None:
    """It is the server's trouble and not the task's: tried again until there is room, however often."""
    scene = own_scene
    _move(scene, "q_dreamlit_email_urgent")
    small_disk.fill()
    scene.application.order(*["hold"] * 20)
    admin = scene.session("admin")
    work(admin, 2)
    for _ in range(12):
        wait_until(
            lambda: value(scene.superuser, "select count(*) > 0 from dreamlit._tasks where due_at <= now()")
        )
        work(admin)
    assert value(scene.superuser, "select count(*) > 0 from dreamlit._tasks where state = 'due'"), (
        "there was room"
    )
    small_disk.free()
    scene.start_sender()
    found = scene.account("disk full for an outbox queue")
    assert found.states == {"sent": found.committed}


# Connections --------------------------------------------------------------------------------------


@contextmanager
def _few_connections(cluster: Cluster) -> Iterator[None]:
    def set_to(command: bytes) -> None:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(command)
        cluster.restart()

    set_to(b"alter system set max_connections = 20")
    try:
        yield
    finally:
        set_to(b"alter system reset max_connections")


@pytest.fixture
def crowded_cluster(own_cluster: Cluster) -> Iterator[Cluster]:
    with _few_connections(own_cluster.start()):
        yield own_cluster


@pytest.mark.slow
def test_no_connection_left_for_a_sender(crowded_cluster: Cluster, own_scene: Scene) -> None:
    scene = own_scene
    scene.application.order("hold", "retry")
    others: list[Connection] = []
    with pytest.raises(psycopg.OperationalError, match=r"too many clients|reserved"):
        _until_it_fails(lambda: others.append(scene.session("app")))
    sender = scene.start_sender()
    wait_until(lambda: "too many clients" in scene.end_of_log() or "reserved" in scene.end_of_log())
    scene.application.order("hold", "retry")
    for other in others:
        other.close()
    found = scene.account("max_connections reached")
    assert found.states == {"sent": found.committed}
    assert sender.poll() is None, "the same sender goes on"


# Time limits and locks ----------------------------------------------------------------------------


def test_a_statement_timeout_of_the_senders_role(scene: Scene) -> None:
    """Each call that waits too long is ended, and made again."""
    limit = f"alter role tests_sender in database {scene.dbname} set statement_timeout = '300ms'"
    scene.superuser.execute(limit.encode())
    gate = scene.receivers.post.gate("accepted")
    tokens = scene.application.order("hold", "retry")
    scene.start_sender()
    gate.wait_for(2)
    with scene.locked("pgmq.q_dreamlit_render", "exclusive"):
        gate.open()
        wait_until(lambda: scene.end_of_log().count("57014") >= 3)
    found = scene.account("a statement timeout of the sender's role")
    assert [scene.state_of(token)[0] for token in tokens] == ["sent", "sent"]
    assert found.committed == 2


def test_a_lock_on_the_users_table_at_publish(scene: Scene) -> None:
    """publish gives up, and neither the writers nor what is published already suffer."""
    scene.start_sender()
    admin, holder = scene.session("admin"), scene.session("app", autocommit=False)
    late = workflow_for("late", when_uncertain="hold")
    with Load(scene.application, per_second=50) as load:
        holder.execute("lock table public.orders in row exclusive mode")
        before = load.transactions
        with pytest.raises(psycopg.Error) as raised:
            publish(admin, late)
        assert raised.value.sqlstate == "DL007"
        assert load.transactions > before, "writers went on meanwhile"
        holder.rollback()
        publish(admin, late)
    assert not load.errors
    (token,) = scene.application.order("late")
    scene.account("a lock on the user's table at publish")
    assert scene.state_of(token) == ("sent", 1)


def test_a_workflow_published_anew_under_load(scene: Scene) -> None:
    """No order falls between two versions, and none has both."""
    scene.start_sender()
    admin = scene.session("admin")
    with Load(scene.application, per_second=100) as load:
        for number in range(2 * ROUNDS):
            for kind in ("hold", "retry"):
                definition = workflow_for(kind)
                definition["description"] = f"edition {number}"
                publish(admin, definition)
    assert not load.errors
    scene.account("published anew under load")


# The clock ----------------------------------------------------------------------------------------


def _let_the_senders_clock_follow(scene: Scene) -> None:
    """The sender asks the server's clock how long its lease is: let that jump too."""
    function = (
        "create function faults.clock_timestamp() returns timestamptz language sql security definer"
        " as $$ select pg_catalog.clock_timestamp() + (dreamlit._now() - pg_catalog.now()) $$"
    )
    for command in (
        "create schema faults",
        function,
        "grant usage on schema faults to tests_sender",
        f"alter role tests_sender in database {scene.dbname} set search_path = faults, pg_catalog",
    ):
        scene.superuser.execute(command.encode())


def test_a_clock_that_jumps_under_load(scene: Scene) -> None:
    """A day ahead, back, and then the day passes: what was due ahead waits for it."""
    _let_the_senders_clock_follow(scene)
    scene.start_sender()
    jumps: list[Callable[[], None]] = [
        lambda interval=interval: shift_clock(scene.superuser, interval)  # type: ignore[misc]
        for interval in ("1 day", "0", *("1 day", "-1 hour") * (ROUNDS - 1), "1 day 1 minute")
    ]
    with Load(scene.application, per_second=100):
        for jump in jumps:
            before = len(scene.deliveries.entries())
            wait_until(lambda before=before: len(scene.deliveries.entries()) >= before + 15)
            jump()
    scene.account("a clock that jumps a day ahead and back")


def test_a_clock_that_was_ahead_leaves_no_chore_undone(scene: Scene) -> None:
    """What was noted with a time that has still to come keeps nobody from working."""
    scene.superuser.execute("update dreamlit._chores set due_at = now() + interval '1 day'")
    scene.superuser.execute(
        "insert into dreamlit._workers values ('work:1', now(), now() + interval '1 day')"
    )
    gate = scene.receivers.post.gate("accepted")
    (token,) = scene.application.order("retry")
    sender = scene.start_sender()
    gate.wait_for(1)
    sender.kill()
    sender.wait(30)
    scene.receivers.post.hooks.clear()
    gate.open()
    scene.start_sender()
    scene.account("a clock that was a day ahead")
    assert scene.state_of(token) == ("sent", 2)

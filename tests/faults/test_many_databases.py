"""One sender for several databases: what happens to one of them is no trouble of the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.faults.conftest import Scene, _scene_on
from tests.faults.servers import Proxy, proxy_to
from tests.helpers import value, wait_until, work

from dreamlit_pg.cluster import Cluster

MakeScene = Callable[[str], Scene]


@pytest.fixture
def make_scene(cluster: Cluster, postgresql_base: object, tmp_path: Path) -> Iterator[MakeScene]:
    """Makes databases of the same kind, each with its own application."""
    with ExitStack() as stack:

        def make(name: str) -> Scene:
            folder = tmp_path / name
            folder.mkdir()
            return stack.enter_context(_scene_on(cluster, folder))

        yield make


class Fleet:
    """Scenes by name, one sender for all of them, and one mail server, which is the first one's."""

    def __init__(self, **scenes: Scene) -> None:
        self.scenes = scenes
        self.first = next(iter(scenes.values()))

    def word(self, name: str, *, port: int | None = None) -> str:
        """The database as DREAMLIT_DATABASES names it; with a port, behind the proxy there."""
        scene = self.scenes[name.partition("*")[0]]
        parts = conninfo_to_dict(scene.dsn_of("sender"))
        where = (
            f"host=127.0.0.1&port={port}&sslmode=disable"
            if port
            else f"host={parts['host']}&port={parts['port']}"
        )
        return f"{name}=postgresql:///{parts['dbname']}?user={parts['user']}&{where}"

    @contextmanager
    def served(self, *words: str, **variables: str) -> Iterator[None]:
        """While one sender serves them all."""
        chosen = {
            "DREAMLIT_DSN": "",
            "DREAMLIT_DATABASES": " ".join(words),
            "DREAMLIT_SHUTDOWN_TIMEOUT": "2",  # a report for a database that is gone is tried as long
            **variables,
        }
        with self.first.running_sender(**chosen) as process:
            yield
            assert process.poll() is None, self.first.end_of_log()

    def arrived(self, tokens: list[str]) -> bool:
        """Whether each of these orders has come to the mail server."""
        return set(tokens) <= {entry["token"] for entry in self.first.deliveries.entries()}

    def lines(self, event: str, name: str) -> list[str]:
        """What the sender logged of an event and a database."""
        lines = self.first.log.read_text("utf-8").splitlines() if self.first.log.exists() else []
        return [line for line in lines if f" {event} " in line and re.search(rf"\bdatabase={name}\b", line)]


def _orders(scene: Scene, count: int = 5) -> list[str]:
    tokens = scene.application.order(*["hold"] * count)
    work(scene.superuser, 2)
    return tokens


@contextmanager
def _proxy_of(scene: Scene) -> Iterator[Proxy]:
    with proxy_to(scene.cluster.socket_folder / f".s.PGSQL.{scene.cluster.port}") as proxy:
        yield proxy


def test_one_that_is_dropped_while_it_is_served_holds_up_nobody(make_scene: MakeScene) -> None:
    fleet = Fleet(here=make_scene("here"), gone=make_scene("gone"))
    here, gone = fleet.scenes.values()
    with fleet.served(fleet.word("here"), fleet.word("gone*9")):
        before = [*_orders(here), *_orders(gone)]
        wait_until(lambda: fleet.arrived(before))
        gone.application.close()
        gone.cluster.drop_database(gone.dbname)
        wait_until(lambda: fleet.lines("database_away", "gone"))
        after = _orders(here, 30)
        wait_until(lambda: fleet.arrived(after))
    assert not fleet.lines("database_away", "here")
    assert max(Counter(entry["token"] for entry in here.deliveries.entries()).values()) == 1


def test_one_that_does_not_answer_any_more_holds_up_nobody_and_is_served_once_it_does(
    make_scene: MakeScene,
) -> None:
    fleet = Fleet(here=make_scene("here"), mute=make_scene("mute"))
    here, mute = fleet.scenes.values()
    with _proxy_of(mute) as proxy, fleet.served(fleet.word("here"), fleet.word("mute*9", port=proxy.port)):
        first = [*_orders(here), *_orders(mute)]
        wait_until(lambda: fleet.arrived(first))
        proxy.mute()
        wait_until(lambda: proxy.swallowed)
        hidden, after = _orders(mute), _orders(here, 30)
        wait_until(lambda: fleet.arrived(after))
        assert not fleet.arrived(hidden)
        proxy.cut()
        wait_until(lambda: fleet.arrived(hidden))
    assert proxy.swallowed
    assert max(Counter(entry["token"] for entry in here.deliveries.entries()).values()) == 1


def test_one_that_was_never_there_and_one_that_refuses_this_release_hold_up_nobody(
    make_scene: MakeScene,
) -> None:
    fleet = Fleet(here=make_scene("here"), newer=make_scene("newer"))
    here, newer = fleet.scenes.values()
    newer.superuser.execute("insert into dreamlit._releases (release, breaking) values ('99.0.0', true)")
    missing = fleet.word("here").replace("here=", "missing=").replace(here.dbname, "no_such_database")
    refused = _orders(newer)
    with fleet.served(missing, fleet.word("newer"), fleet.word("here")):
        tokens = _orders(here, 30)
        wait_until(lambda: fleet.arrived(tokens))
        wait_until(lambda: any("DL005" in line for line in fleet.lines("database_away", "newer")))
        wait_until(
            lambda: any("no_such_database" in line for line in fleet.lines("database_away", "missing"))
        )
        assert not fleet.arrived(refused)
        newer.superuser.execute("delete from dreamlit._releases where release = '99.0.0'")
        wait_until(lambda: fleet.arrived(refused))
    assert not fleet.lines("database_away", "here")


def test_while_all_have_work_each_gets_its_part_of_the_pace(make_scene: MakeScene) -> None:
    fleet = Fleet(small=make_scene("small"), big=make_scene("big"))
    small, big = fleet.scenes.values()
    tokens = {"small": _orders(small, 150), "big": _orders(big, 150)}
    for scene in fleet.scenes.values():
        wait_until(
            lambda scene=scene: (
                value(scene.superuser, "select count(*) = 150 from dreamlit.messages where state = 'queued'")
                or work(scene.superuser)
            )
        )
    with fleet.served(fleet.word("small"), fleet.word("big*3"), DREAMLIT_RATE="60", DREAMLIT_CHUNK="20"):
        wait_until(lambda: len(fleet.first.deliveries.entries()) >= 160)
    # Neither is empty before 150 / (3/4) = 200.
    order = [entry["token"] for entry in fleet.first.deliveries.entries()[40:160]]
    of_big = sum(token in set(tokens["big"]) for token in order)
    assert 80 <= of_big <= 100, of_big

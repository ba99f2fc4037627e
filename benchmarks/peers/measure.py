"""A round of one peer in a fresh database of the bench's own cluster."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.peers.kinds import KINDS
from benchmarks.peers.process import Kind, Peer
from benchmarks.place import HOME, Place, fresh_place


@dataclass(frozen=True)
class Round:
    """Seconds for so many notifications."""

    count: int
    enqueue: float
    work: float

    @property
    def rate(self) -> float:
        """Notifications a second, from the first enqueue until all are done."""
        return self.count / (self.enqueue + self.work)


def measurable() -> list[Kind]:
    """The peers that are installed here."""
    return [kind for kind in KINDS if kind.version]


def missing() -> list[str]:
    """The names of the others; `make bench` installs all, Node's only where npm is."""
    return [kind.name for kind in KINDS if not kind.version]


def measure(place: Place, kind: Kind, count: int) -> Round:
    """Set up, enqueue, work and tear down once."""
    count = min(count, kind.most)
    HOME.mkdir(parents=True, exist_ok=True)
    log = HOME / f"peer-{kind.name}.log"
    log.write_bytes(b"")
    with fresh_place(place.cluster, f"peer-{kind.name}") as own:
        peer = Peer(kind, log)
        try:
            peer.set_up(own.superuser_dsn)
            own.settle()
            return Round(count, peer.enqueue(count), peer.work(count))
        finally:
            peer.tear_down()

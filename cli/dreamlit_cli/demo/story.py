"""The story that the demo plays: it does what an application does, and knows nothing of dreamlit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Scene:
    """One thing that happens in the application, and how it is told."""

    line: str
    play: Callable[[Connection], None]


def scenes() -> Iterator[Scene]:
    """The story, in order."""
    for name in ("Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov"):
        yield Scene(f"{name} signs up", _sign_up(name))
    yield Scene("A guest signs up without an address (no e-mail for her)", _sign_up("A guest", email=None))
    yield Scene("Grace Hopper finishes setting up (no reminder for her)", _onboard)
    yield Scene("Ada Lovelace writes a post, and three people follow it", _write_post)
    yield Scene(
        "Grace Hopper comments on it",
        _comment("Grace Hopper", "The looms were the first programmers' machines."),
    )
    yield Scene(
        "Edsger Dijkstra comments on it",
        _comment("Edsger Dijkstra", "Elegance is <b>not</b> a luxury & never was."),
    )
    yield Scene("A signup is rolled back (nothing may come of it)", _sign_up_and_regret)
    yield Scene("Barbara Liskov upgrades, and her payment fails", _fail_payment)


def play(dsn: str, *, pause: float, tell: Callable[[str], None]) -> None:
    """Play all scenes as the application, each in a transaction of its own, with a pause after each."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for scene in scenes():
            tell(scene.line)
            scene.play(connection)
            time.sleep(pause)


def _address(name: str) -> str:
    return f"{name.split(maxsplit=1)[0].lower()}@example.com"


def _sign_up(name: str, *, email: str | None = "") -> Callable[[Connection], None]:
    address = _address(name) if email == "" else email

    def play(connection: Connection) -> None:
        connection.execute("insert into users (name, email) values (%s, %s)", [name, address])

    return play


def _onboard(connection: Connection) -> None:
    connection.execute("update users set onboarded_at = now() where name = 'Grace Hopper'")


def _write_post(connection: Connection) -> None:
    with connection.transaction():
        connection.execute(
            "insert into posts (author_id, title) "
            "select user_id, 'What looms taught us' from users where name = 'Ada Lovelace'"
        )
        connection.execute(
            "insert into follows (post_id, follower_id) "
            "select post_id, user_id from posts, users "
            "where name in ('Ada Lovelace', 'Grace Hopper', 'Barbara Liskov')"
        )


def _comment(name: str, body: str) -> Callable[[Connection], None]:
    def play(connection: Connection) -> None:
        connection.execute(
            "insert into comments (post_id, author_id, body) "
            "select post_id, user_id, %s from posts, users where name = %s",
            [body, name],
        )

    return play


def _sign_up_and_regret(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("insert into users (name, email) values ('Mallory', 'mallory@example.com')")


def _fail_payment(connection: Connection) -> None:
    connection.execute("update users set plan = 'team' where name = 'Barbara Liskov'")
    connection.execute(
        "insert into payments (user_id, amount_cents, card_last4) "
        "select user_id, 1900, '4242' from users where name = 'Barbara Liskov'"
    )
    connection.execute(
        "update payments set state = 'failed', failure = 'the bank declined' where state = 'pending'"
    )

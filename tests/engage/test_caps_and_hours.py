"""How often and when: frequency caps and quiet hours, which transactional messages do not know."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.helpers import Connection, add_user, column, email, rows, shift_clock, value, wait_for_lock, work

from .conftest import Run, Sender, newsletter

Post = Callable[..., None]


def _set(admin: Connection, name: str, to: object) -> None:
    admin.execute("select dreamlit.set_setting(%s, %s)", [name, Jsonb(to)])


def cap(admin: Connection, count: int, per: str = "1 day") -> None:
    _set(admin, "frequency_cap", {"count": count, "per": per})


@pytest.fixture
def to_ann(post: Post, app: Connection, superuser: Connection) -> Callable[[int], None]:
    """Lets that many newsletters to ann@example.com come to the outbox."""
    post(users=0)

    def to_ann(count: int) -> None:
        for _ in range(count):
            add_user(app, "ann")
        work(superuser, 2)

    return to_ann


# Frequency caps


def test_what_is_beyond_the_cap_is_suppressed_with_the_reason(
    to_ann: Callable[[int], None], admin: Connection, me: Sender, superuser: Connection
) -> None:
    cap(admin, 2)
    to_ann(3)
    assert [row["message_id"] for row in me.claim()] == [1, 2]
    (found,) = rows(superuser, "select message_id, error from dreamlit.messages where state = 'suppressed'")
    assert found == {"message_id": 3, "error": {"fault": "suppressed", "message": "frequency cap"}}


def test_later_claims_count_on(to_ann: Callable[[int], None], admin: Connection, me: Sender) -> None:
    cap(admin, 2)
    to_ann(3)
    assert [len(me.claim(1)), len(me.claim(1)), len(me.claim(1))] == [1, 1, 0]


def test_after_a_while_there_is_room_again(
    to_ann: Callable[[int], None], admin: Connection, me: Sender, superuser: Connection
) -> None:
    cap(admin, 1, "1 hour")
    to_ann(1)
    me.deliver(me.claim()[0])
    shift_clock(superuser, "61 minutes")
    to_ann(1)
    assert len(me.claim()) == 1


def test_a_message_that_is_tried_again_counts_once(
    to_ann: Callable[[int], None], admin: Connection, me: Sender, superuser: Connection
) -> None:
    cap(admin, 1)
    to_ann(1)
    (claimed,) = me.claim()
    me.report(claimed, "released")
    assert [row["message_id"] for row in me.claim()] == [claimed["message_id"]]


def test_people_are_counted_apart(post: Post, admin: Connection, me: Sender) -> None:
    cap(admin, 1)
    post(users=3)
    assert len(me.claim()) == 3


def test_transactional_messages_know_no_cap(run: Run, admin: Connection, me: Sender) -> None:
    cap(admin, 1)
    run(email(to="ann@example.com"), users=3)
    assert len(me.claim()) == 3


def test_without_a_cap_nothing_is_counted(
    to_ann: Callable[[int], None], me: Sender, superuser: Connection
) -> None:
    to_ann(3)
    assert len(me.claim()) == 3
    assert value(superuser, "select count(*) from dreamlit._frequencies") == 0


def test_two_claims_at_once_do_not_pass_the_cap_together(
    to_ann: Callable[[int], None], admin: Connection, connect: Connect, superuser: Connection
) -> None:
    cap(admin, 1)
    to_ann(1)
    warm = connect("sender", autocommit=False)
    Sender(warm, "warm").claim()
    warm.commit()
    cap(admin, 2)
    to_ann(2)
    first, second = connect("sender", autocommit=False), connect("sender", autocommit=False)
    assert len(Sender(first, "first").claim(1)) == 1
    # The other one neither waits nor counts beside it: the message stays in the queue.
    assert Sender(second, "second").claim(1) == []
    second.commit()
    first.commit()
    states = "select state from dreamlit.messages order by message_id"
    assert column(superuser, states) == ["queued", "queued", "queued"]
    assert Sender(second, "second").claim(1) == []
    second.commit()
    assert column(superuser, states) == ["queued", "queued", "suppressed"]


def test_two_claims_of_messages_to_somebody_new_come_one_after_the_other(
    to_ann: Callable[[int], None], admin: Connection, connect: Connect, superuser: Connection
) -> None:
    cap(admin, 1)
    to_ann(2)
    first, second = connect("sender", autocommit=False), connect("sender")
    assert len(Sender(first, "first").claim(1)) == 1
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(Sender(second, "second").claim, 1)
        wait_for_lock(superuser, second)
        first.commit()
        assert late.result() == []
    assert column(superuser, "select state from dreamlit.messages order by message_id") == [
        "queued",
        "suppressed",
    ]


def test_a_redirect_is_not_capped(to_ann: Callable[[int], None], admin: Connection, me: Sender) -> None:
    cap(admin, 1)
    admin.execute("select dreamlit.redirect('hello', 'me@example.com')")
    to_ann(3)
    assert len(me.claim()) == 3


# Quiet hours


NIGHT = {"from": "22:00", "to": "08:00", "zone": "Europe/Berlin"}


def _until(
    superuser: Connection, now: str, hours: dict[str, str] = NIGHT, zone: str | None = None
) -> str | None:
    found: datetime | None = value(
        superuser,
        "select dreamlit._quiet_until(%s, %s, %s::timestamptz) at time zone 'UTC'",
        Jsonb(hours),
        zone,
        now,
    )
    return None if found is None else f"{found:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10 20:59+00", None),
        ("2026-01-10 21:00+00", "2026-01-11 07:00"),
        ("2026-01-11 06:59+00", "2026-01-11 07:00"),
        ("2026-01-11 07:00+00", None),
        ("2026-07-10 20:00+00", "2026-07-11 06:00"),
    ],
)
def test_a_night_ends_in_the_morning_of_the_zone(superuser: Connection, now: str, until: str | None) -> None:
    assert _until(superuser, now) == until


def test_hours_of_one_day_end_on_it(superuser: Connection) -> None:
    siesta = {"from": "13:00", "to": "16:00", "zone": "UTC"}
    assert _until(superuser, "2026-01-10 12:59+00", siesta) is None
    assert _until(superuser, "2026-01-10 13:00+00", siesta) == "2026-01-10 16:00"
    assert _until(superuser, "2026-01-10 16:00+00", siesta) is None


def test_an_end_that_the_clocks_skip_comes_an_hour_later(superuser: Connection) -> None:
    hours = {**NIGHT, "to": "02:30"}
    assert _until(superuser, "2026-03-29 00:59+00", hours) == "2026-03-29 01:30"


def test_an_end_that_the_clocks_repeat_is_its_second_time(superuser: Connection) -> None:
    hours = {**NIGHT, "to": "02:30"}
    assert _until(superuser, "2026-10-25 00:10+00", hours) == "2026-10-25 01:30"


def test_a_night_in_which_the_clocks_change_ends_by_the_new_clock(superuser: Connection) -> None:
    assert _until(superuser, "2026-03-28 23:00+00") == "2026-03-29 06:00"


def test_a_persons_zone_goes_before_the_settings(superuser: Connection) -> None:
    assert _until(superuser, "2026-01-10 12:00+00", zone="Asia/Tokyo") is None
    assert _until(superuser, "2026-01-10 13:00+00", zone="Asia/Tokyo") == "2026-01-10 23:00"


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "foo5", "", None, "../etc/passwd", "'; drop", "x" * 1000, "<UTC>0"]
)
def test_a_zone_that_is_none_falls_back(superuser: Connection, zone: str | None) -> None:
    assert _until(superuser, "2026-01-10 21:00+00", zone=zone) == "2026-01-11 07:00"


def _always(admin: Connection, superuser: Connection, zone: str = "UTC") -> None:
    """Quiet hours that began an hour ago and end in two, by the zone's clock."""
    now = "pg_catalog.now() at time zone %s"
    hours = rows(
        superuser,
        f"select to_char({now} - interval '1 hour', 'HH24:MI') as from,"
        f" to_char({now} + interval '2 hours', 'HH24:MI') as to",
        zone,
        zone,
    )[0]
    _set(admin, "quiet_hours", {**hours, "zone": zone})


def test_a_message_waits_for_the_end_of_the_quiet_hours(
    post: Post, admin: Connection, me: Sender, superuser: Connection
) -> None:
    post()
    _always(admin, superuser)
    assert me.claim() == []
    (found,) = rows(
        superuser, "select state, retry_at > now() + interval '100 minutes' as later from dreamlit.messages"
    )
    assert found == {"state": "queued", "later": True}
    shift_clock(superuser, "121 minutes")
    assert len(me.claim()) == 1


def test_the_zone_comes_from_the_row(
    post: Post, app: Connection, admin: Connection, me: Sender, superuser: Connection
) -> None:
    # Where it is quiet now in UTC it is not twelve hours away; plan stands for a column with the zone.
    post(newsletter(timezone="{{ trigger.plan }}"), users=0)
    for name, zone in (("ann", "Etc/GMT+12"), ("bob", "no zone"), ("eve", "")):
        add_user(app, name, plan=zone)
    work(superuser, 2)
    _always(admin, superuser)
    assert [row["content"]["to"] for row in me.claim()] == [["ann@example.com"]]
    assert value(superuser, "select count(*) from dreamlit.messages where state = 'queued'") == 3


def test_transactional_messages_know_no_night(
    run: Run, admin: Connection, me: Sender, superuser: Connection
) -> None:
    run(email())
    _always(admin, superuser)
    assert len(me.claim()) == 1


def test_what_waits_for_the_morning_does_not_count_towards_the_cap(
    post: Post, admin: Connection, me: Sender, superuser: Connection
) -> None:
    post()
    cap(admin, 1)
    _always(admin, superuser)
    assert me.claim() == []
    assert value(superuser, "select count(*) from dreamlit._frequencies") == 0


def test_who_turned_it_off_meanwhile_is_not_kept_waiting(
    post: Post, admin: Connection, me: Sender, superuser: Connection
) -> None:
    post()
    _always(admin, superuser)
    admin.execute("select dreamlit.set_preference('user1@example.com', 'news', false)")
    me.claim()
    assert column(superuser, "select state from dreamlit.messages") == ["suppressed"]


# Settings


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("frequency_cap", {"count": 5, "per": "1 day"}),
        ("frequency_cap", None),
        ("quiet_hours", NIGHT),
        ("quiet_hours", None),
        ("soft_bounces", {"count": 1, "within": "30 days"}),
        ("machine_seconds", 0),
        ("public_url", "https://mail.example.com/notify"),
        ("public_url", "http://localhost:8025"),
        ("public_url", None),
        ("track", {"opens": True, "clicks": False}),
        ("keep_engagement", "1 year"),
    ],
)
def test_a_setting_can_be_set(admin: Connection, superuser: Connection, name: str, to: object) -> None:
    _set(admin, name, to)
    assert value(superuser, "select dreamlit._setting(%s)", name) == to


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("frequency_cap", {"count": 0, "per": "1 day"}),
        ("frequency_cap", {"count": 1, "per": "31 days"}),
        ("frequency_cap", {"count": 1.5, "per": "1 day"}),
        ("frequency_cap", {"count": 1, "per": "soon"}),
        ("frequency_cap", {"count": 1, "per": None}),
        ("frequency_cap", {"count": 1}),
        ("frequency_cap", 5),
        ("quiet_hours", {**NIGHT, "zone": "Mars/Olympus"}),
        ("quiet_hours", {**NIGHT, "to": "22:00"}),
        ("quiet_hours", {**NIGHT, "to": "24:00"}),
        ("quiet_hours", {**NIGHT, "to": "8"}),
        ("quiet_hours", {"from": "22:00", "to": "08:00"}),
        ("soft_bounces", None),
        ("machine_seconds", -1),
        ("machine_seconds", "2 seconds"),
        ("public_url", "http://mail.example.com"),
        ("public_url", "https://mail.example.com/?a=b"),
        ("public_url", "https://user:secret@mail.example.com"),
        ("public_url", "mail.example.com"),
        ("public_url", ""),
        ("track", {"opens": "yes", "clicks": False}),
        ("track", {"opens": True}),
        ("track", None),
    ],
)
def test_a_wrong_value_is_refused(admin: Connection, name: str, to: object) -> None:
    with pytest.raises(psycopg.Error) as caught:
        _set(admin, name, to)
    assert caught.value.sqlstate == "DL001"
    assert "write" in str(caught.value.diag.message_hint)

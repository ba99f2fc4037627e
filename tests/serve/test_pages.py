"""Opens, clicks, unsubscribing and preferences over real HTTP."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.helpers import rows, value
from tests.sender.doubles import raw_server
from tests.serve.conftest import SIGNER, Serve, link, running, until

from dreamlit_sender.links import Token
from dreamlit_sender.serve.pages import Brand, masked, page

if TYPE_CHECKING:
    from tests.helpers import Connection

GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def engagement(superuser: Connection, kind: str) -> list[dict[str, Any]]:
    return rows(superuser, "select * from dreamlit.engagement where kind = %s order by at", kind)


# Opens and clicks


async def test_an_open_is_an_image_and_an_event(serve: Serve, message_id: int, superuser: Connection) -> None:
    run = await serve()
    answer = await run.client.get(link("open", message_id), headers={"User-Agent": GMAIL})
    await run.written()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content[:6] == b"GIF89a"
    assert "no-store" in answer.headers["cache-control"]
    event = engagement(superuser, "opened")[0]
    assert (event["message_id"], event["machine"], event["user_agent"]) == (message_id, False, GMAIL)


@pytest.mark.parametrize(
    ("method", "agent", "machine"),
    [
        ("GET", FIREFOX, False),
        ("GET", GMAIL, False),
        ("GET", "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", False),
        ("GET", "Mozilla/5.0", True),
        ("GET", "", True),
        ("GET", "curl/8.5.0", True),
        ("GET", "Barracuda Sentinel (EE)", True),
        ("GET", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True),
        ("HEAD", FIREFOX, True),
    ],
)
async def test_programs_are_told_from_people(
    serve: Serve, message_id: int, superuser: Connection, method: str, agent: str, machine: bool
) -> None:
    run = await serve()
    path = link("click", message_id, url="https://example.com/")
    await run.client.request(method, path, headers={"User-Agent": agent})
    await run.written()
    assert [event["machine"] for event in engagement(superuser, "clicked")] == [machine]


async def test_a_click_leads_to_the_link_of_the_message(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    url = "https://example.com/a?b=c&d=%C3%A4#e"
    answer = await run.client.get(link("click", message_id, url=url), headers={"User-Agent": FIREFOX})
    await run.written()
    assert (answer.status_code, answer.headers["location"]) == (302, url)
    assert answer.headers["referrer-policy"] == "no-referrer"
    event = engagement(superuser, "clicked")[0]
    assert (event["message_id"], event["url"], event["provider"]) == (message_id, url, "dreamlit")


async def test_a_link_asked_for_again_and_again_is_one_event(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    for _ in range(30):
        await run.client.get(link("open", message_id), headers={"User-Agent": FIREFOX})
    await run.written()
    # Two if a minute ended meanwhile.
    assert len(engagement(superuser, "opened")) in (1, 2)


@pytest.mark.parametrize(
    "path",
    [
        "/c/x",
        "/c/https://evil.test",
        f"/c/{SIGNER.sign('open', Token(1))}",
        f"/c/{SIGNER.sign('click', Token(1, url='https://evil.test'))}x",
        f"/c/{SIGNER.sign('click', Token(1, url='javascript:alert(1)'))}",
        f"/o/{SIGNER.sign('click', Token(1, url='https://a.test'))}.gif",
        f"/u/{SIGNER.sign('preferences', Token(1, recipient='x@example.com'))}",
        f"/p/{SIGNER.sign('unsubscribe', Token(1, recipient='x@example.com'))}",
    ],
)
async def test_what_was_not_signed_for_this_leads_nowhere(
    serve: Serve, superuser: Connection, path: str
) -> None:
    run = await serve()
    answer = await run.client.get(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert value(superuser, "select count(*) from dreamlit.engagement") == 0


# Unsubscribing


def subscribed(superuser: Connection) -> bool:
    return bool(
        value(
            superuser,
            "select bool_and(subscribed) from dreamlit.message_preferences("
            "(select message_id from dreamlit._messages), 'ann@example.com') where topic is null",
        )
    )


async def test_a_get_shows_a_button_and_changes_nothing(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    for method in ("GET", "HEAD"):
        answer = await run.client.request(method, link("unsubscribe", message_id))
        assert answer.status_code == 200
    assert '<form method="post">' in (await run.client.get(link("unsubscribe", message_id))).text
    assert subscribed(superuser)
    assert engagement(superuser, "unsubscribed") == []


ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b"List-Unsubscribe=One-Click"},
        {"data": {"confirm": "yes"}},
    ],
    ids=["urlencoded", "multipart", "no content type", "the page's button"],
)
async def test_rfc_8058_one_post_unsubscribes_without_cookie_or_login(
    serve: Serve, message_id: int, superuser: Connection, body: dict[str, Any]
) -> None:
    run = await serve()
    answer = await run.client.post(link("unsubscribe", message_id), **body)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers
    assert not subscribed(superuser)


async def test_unsubscribing_twice_is_as_good_as_once(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    answers = [await run.client.post(link("unsubscribe", message_id), data=ONE_CLICK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not subscribed(superuser)
    assert len(engagement(superuser, "unsubscribed")) == 1


async def test_a_link_of_another_recipient_unsubscribes_nobody(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    path = link("unsubscribe", message_id, recipient="bob@example.com")
    assert (await run.client.post(path, data=ONE_CLICK)).status_code == 410
    assert subscribed(superuser)


async def test_a_message_that_is_not_kept_any_more_has_a_page_that_says_so(serve: Serve) -> None:
    run = await serve()
    answer = await run.client.post(link("unsubscribe", 424242), data=ONE_CLICK)
    assert answer.status_code == 410
    assert "expired" in answer.text


async def test_a_body_larger_than_any_form_is_refused(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    answer = await run.client.post(link("unsubscribe", message_id), content=b"x" * 100_000)
    assert answer.status_code == 413
    assert subscribed(superuser)


# Preferences


async def test_the_preferences_page_shows_what_a_person_gets(serve: Serve, message_id: int) -> None:
    run = await serve()
    answer = await run.client.get(link("preferences", message_id))
    assert answer.status_code == 200
    assert "News &amp; more" in answer.text
    assert "Once a month" in answer.text
    assert answer.text.count(" checked") == 2
    assert "ann@example.com" not in answer.text


async def test_a_post_saves_the_choices_and_shows_them(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    path = link("preferences", message_id)
    answer = await run.client.post(path, data={"shown": ["news", "digest"], "topic": "digest"})
    assert "Your choices are saved" in answer.text
    chosen = "select topic, subscribed from dreamlit.message_preferences(%s, 'ann@example.com')"
    found = {row["topic"]: row["subscribed"] for row in rows(superuser, chosen, message_id)}
    assert found == {None: True, "news": False, "digest": True}
    await run.client.post(path, data={"shown": ["news", "digest"], "topic": "digest", "nothing": "yes"})
    found = {row["topic"]: row["subscribed"] for row in rows(superuser, chosen, message_id)}
    assert found[None] is False
    assert 'name="nothing" value="yes" checked' in (await run.client.get(path)).text


async def test_a_topic_that_did_not_stand_on_the_page_is_left_alone(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    await run.client.post(link("preferences", message_id), data={"shown": ["news", "no such"], "topic": []})
    chosen = "select topic, subscribed from dreamlit.message_preferences(%s, 'ann@example.com')"
    found = {row["topic"]: row["subscribed"] for row in rows(superuser, chosen, message_id)}
    assert (found["news"], found["digest"]) == (False, True)


async def test_the_links_from_page_to_page_work(serve: Serve, message_id: int) -> None:
    run = await serve()
    asked = await run.client.get(link("unsubscribe", message_id))
    found = re.search(r'href="(\.\./p/[\w.-]+)"', asked.text)
    assert found is not None
    assert "Email preferences" in (await run.client.get(asked.url.join(found[1]))).text


# Every page


async def test_pages_run_nothing_load_nothing_and_tell_nobody(serve: Serve, message_id: int) -> None:
    run = await serve()
    for path in (link("unsubscribe", message_id), link("preferences", message_id), "/c/x"):
        answer = await run.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in answer.text
        assert "server" not in answer.headers


async def test_the_brand_stands_on_the_pages(serve: Serve, message_id: int, superuser: Connection) -> None:
    superuser.execute("drop function if exists dreamlit.brand()")
    superuser.execute(
        "create function dreamlit.brand() returns jsonb language sql as $$ select"
        """ '{"name": "Ada <b>& Co", "logo": "https://cdn.example.com/l.png", "postal_address": "1 Road"}'::jsonb $$"""
    )
    run = await serve()
    answer = await run.client.get(link("unsubscribe", message_id))
    assert "Ada &lt;b&gt;&amp; Co" in answer.text
    assert "<b>" not in answer.text
    assert "img-src https://cdn.example.com;" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "logo",
    [
        "http://a.test/l.png",
        "javascript:x",
        "https://a.test;script-src *",
        "https://a b/",
        "https://[",
        None,
        7,
    ],
)
def test_a_logo_that_is_no_https_address_stays_away(logo: Any) -> None:
    brand = Brand.of({"name": "Ada", "logo": logo})
    answer = page("message", "x", brand, text="y")
    assert brand.logo == "" or "script" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].count(";") == 5


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ann@example.com", "a***@example.com"),
        ("annette@example.com", "an***@example.com"),
        ("x", "***"),
        ("@x", "***"),
    ],
)
def test_an_address_is_shown_to_its_owner_only(address: str, shown: str) -> None:
    assert masked(address) == shown


# The database is away


class Gate:
    """A way to the database that can be shut."""

    def __init__(self, dsn: str) -> None:
        self._socket = str(psycopg.conninfo.conninfo_to_dict(dsn)["host"])
        self._port = int(str(psycopg.conninfo.conninfo_to_dict(dsn)["port"]))
        self.shut = True
        self._writers: set[asyncio.StreamWriter] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.close()
            return
        to_server = await asyncio.open_unix_connection(f"{self._socket}/.s.PGSQL.{self._port}")
        self._writers |= {writer, to_server[1]}
        await asyncio.gather(self._pass(reader, to_server[1]), self._pass(to_server[0], writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def end(self) -> None:
        """Close what is open."""
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def test_without_the_database_links_go_on_and_unsubscribing_is_to_be_repeated(
    serve: Serve, message_id: int, superuser: Connection, dsn_of: Any
) -> None:
    gate = Gate(dsn_of("sender"))
    async with raw_server(gate.talk) as port:
        dsn = psycopg.conninfo.make_conninfo(dsn_of("sender"), host="127.0.0.1", port=port, sslmode="disable")
        async with running(dsn) as run:
            run.site.store._timeout = 0.5
            run.site.store._pool.timeout = 0.5
            headers = {"User-Agent": FIREFOX}
            opened, clicked, shown = await asyncio.gather(
                run.client.get(link("open", message_id), headers=headers),
                run.client.get(link("click", message_id, url="https://example.com/"), headers=headers),
                run.client.get(link("unsubscribe", message_id)),
            )
            assert [opened.status_code, clicked.status_code, shown.status_code] == [200, 302, 200]
            away = await run.client.post(link("unsubscribe", message_id), data=ONE_CLICK)
            assert (away.status_code, "retry-after" in away.headers) == (503, True)
            assert (await run.client.get("/health")).status_code == 503
            assert "dreamlit_database_up{} 0" in (await run.client.get("/metrics")).text
            assert subscribed(superuser)
            gate.shut = False
            await until(lambda: engagement(superuser, "opened") and engagement(superuser, "clicked"))
        await gate.end()


async def test_a_full_buffer_drops_the_oldest_and_says_so(serve: Serve, message_id: int) -> None:
    run = await serve()
    buffer = run.site.buffer
    assert buffer._writer is not None
    buffer._writer.cancel()
    buffer._size = 3
    for number in range(5):
        await run.client.get(link("click", message_id, url=f"https://example.com/{number}"))
    assert (len(buffer), buffer.dropped) == (3, 2)
    assert [event["url"][-1] for event in buffer._events] == ["2", "3", "4"]


async def test_what_is_left_is_written_at_the_end(
    dsn_of: Any, serve: Serve, message_id: int, superuser: Connection
) -> None:
    async with running(dsn_of("sender")) as run:
        assert run.site.buffer._writer is not None
        run.site.buffer._writer.cancel()
        await run.client.get(link("open", message_id))
        assert engagement(superuser, "opened") == []
    assert len(engagement(superuser, "opened")) == 1


async def test_one_event_that_the_database_refuses_takes_no_other_with_it(
    serve: Serve, message_id: int, superuser: Connection
) -> None:
    run = await serve()
    await run.client.get(link("open", message_id))
    run.site.buffer.add({"provider": "dreamlit", "event_id": "bad", "kind": "nonsense", "at": "2026-01-01"})
    await run.client.get(link("click", message_id, url="https://example.com"))
    await run.written()
    assert value(superuser, "select count(*) from dreamlit.engagement") == 2
    assert run.site.buffer.dropped == 1


# Health and metrics


async def test_health_and_metrics_tell_what_the_engine_does(serve: Serve, message_id: int) -> None:
    run = await serve()
    health = (await run.client.get("/health")).json()
    assert health["status"] == "ok"
    assert set(health) == {
        "status",
        "database",
        "oldest_queued_seconds",
        "last_work_seconds",
        "checks",
        "buffered_events",
    }
    text = (await run.client.get("/metrics")).text
    assert sorted(re.findall(r'dreamlit_queue_depth\{queue="email \w+"\} (\d)', text)) == ["0", "0", "1"]
    assert 'dreamlit_messages_last_hour{channel="email",state="queued"} 1' in text
    assert "dreamlit_runs_open{} 1" in text
    assert "dreamlit_alerts_open{} 0" in text
    assert 'dreamlit_serve_requests_total{route="health",status="200"} 1' in text


async def test_metrics_are_well_formed(serve: Serve, message_id: int) -> None:
    run = await serve()
    names: list[str] = []
    for line in (await run.client.get("/metrics")).text.splitlines():
        if line.startswith("# TYPE "):
            names.append(line.split()[2])
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+\{([a-z]+="[^"]*"(,[a-z]+="[^"]*")*)?\} [-+.e0-9]+', line), line
            assert line.startswith(f"{names[-1]}{{")
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("keys", "headers", "seen"),
    [
        ({}, {}, True),
        ({}, {"X-Forwarded-For": "203.0.113.9"}, False),
        ({"metrics_token": "letmein-please"}, {}, False),
        ({"metrics_token": "letmein-please"}, {"Authorization": "Bearer wrong"}, False),
        ({"metrics_token": "letmein-please"}, {"Authorization": "Bearer letmein-please", "Via": "x"}, True),
    ],
)
async def test_the_public_does_not_see_the_numbers(
    serve: Serve, keys: dict[str, str], headers: dict[str, str], seen: bool
) -> None:
    run = await serve(**keys)
    metrics = await run.client.get("/metrics", headers=headers)
    health = await run.client.get("/health", headers=headers)
    assert metrics.status_code == (200 if seen else 404)
    assert health.status_code == 200
    assert ("checks" in health.json()) == seen

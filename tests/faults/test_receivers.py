"""Receiving servers that refuse, hang, drop, put off and talk nonsense: each answer has its own consequence."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiosmtpd.smtp import SMTP
from tests.faults.conftest import LONG, Scene
from tests.faults.servers import Hook, drop, smtp_url
from tests.helpers import value, wait_until
from tests.sender.doubles import Reply, slack_json

from dreamlit_pg.cluster import free_port

MANY = 40 if LONG else 3


async def _hang(token: str, server: SMTP) -> str | None:
    """Say nothing until the sender has given up."""
    await asyncio.sleep(60)
    return None


def _only(times: int, fault: Hook) -> Hook:
    """The fault for the first tries of each token."""
    tries: Counter[str] = Counter()

    async def hook(token: str, server: SMTP) -> str | None:
        tries[token] += 1
        return await fault(token, server) if tries[token] <= times else None

    return hook


def _answers(reply: str) -> Hook:
    async def hook(token: str, server: SMTP) -> str | None:
        return reply

    return hook


Outcome = tuple[str, int]
"""A message's state in the end, and how often it arrived."""


@pytest.mark.parametrize("fault", [drop, _hang], ids=["drops", "hangs"])
def test_an_smtp_server_that_fails_at_the_greeting_is_tried_again(
    scene: Scene, request: pytest.FixtureRequest, fault: Hook
) -> None:
    """A scene of its own: a sender that has delivered before needs no greeting."""
    scene.receivers.post.hooks["greet"] = _only(3, fault)
    (token,) = scene.application.order("hold")
    scene.start_sender()
    scene.account(f"SMTP {request.node.callspec.id} at the greeting")
    assert scene.state_of(token) == ("sent", 1)


@pytest.mark.parametrize(
    ("stage", "fault", "held", "repeated"),
    [
        pytest.param("rcpt", _only(2, _answers("450 4.2.0 greylisted")), ("sent", 1), ("sent", 1), id="greylists"),
        pytest.param("rcpt", _only(1, drop), ("sent", 1), ("sent", 1), id="drops before DATA"),
        pytest.param("rcpt", _answers("550 5.1.1 no such user"), ("failed", 0), ("failed", 0), id="550"),
        pytest.param("data", _only(2, _answers("451 4.3.0 try later")), ("sent", 1), ("sent", 1), id="451 after DATA"),
        pytest.param("data", _answers("554 5.7.1 spam"), ("failed", 0), ("failed", 0), id="554 after DATA"),
        pytest.param("data", _only(1, drop), ("uncertain", 0), ("sent", 1), id="drops after DATA, not taken"),
        pytest.param("accepted", _only(1, drop), ("uncertain", 1), ("sent", 2), id="drops after DATA, taken"),
        pytest.param("accepted", _only(1, _hang), ("uncertain", 1), ("sent", 2), id="hangs after DATA, taken"),
    ],
)  # fmt: skip
def test_an_smtp_server_that(
    shared_scene: Scene,
    request: pytest.FixtureRequest,
    stage: str,
    fault: Hook,
    held: Outcome,
    repeated: Outcome,
) -> None:
    scene = shared_scene
    scene.receivers.post.hooks = {stage: fault}
    hold, retry = scene.application.order(*["hold"] * MANY), scene.application.order(*["retry"] * MANY)
    scene.application.order("hold", commit=False)
    scene.account(f"SMTP {request.node.callspec.id}")
    assert set(map(scene.state_of, hold)) == {held}
    assert set(map(scene.state_of, retry)) == {repeated}


def test_an_smtp_server_that_answers_each_recipient_otherwise(shared_scene: Scene) -> None:
    scene = shared_scene
    replies: dict[str, str | None] = {
        "good": None,
        "full": "452 4.2.2 mailbox full",
        "gone": "550 5.1.1 no such user",
        "odd": "299 hm",
    }
    orders = {name: scene.application.order("hold")[0] for name in replies}
    by_token = {orders[name]: reply for name, reply in replies.items()}

    async def answer(token: str, server: SMTP) -> str | None:
        return by_token[token]

    scene.receivers.post.hooks = {"rcpt": answer}
    wait_until(lambda: scene.receivers.post.seen.count(orders["full"]) > 1)
    by_token[orders["full"]] = by_token[orders["odd"]] = None
    scene.account("SMTP a reply a recipient")
    assert {name: scene.state_of(token) for name, token in orders.items()} == {
        "good": ("sent", 1), "full": ("sent", 1), "gone": ("failed", 0), "odd": ("sent", 1),
    }  # fmt: skip


def test_an_smtp_server_that_is_not_there_is_waited_for(scene: Scene) -> None:
    """The sender comes first, its mail server after a while."""
    (token,) = scene.application.order("hold")
    port = free_port()
    with scene.running_sender(DREAMLIT_SMTP_URL=smtp_url(port)):
        failed = "select count(*) > 1 from dreamlit.attempts where outcome = 'failed' and fault = 'transient'"
        wait_until(lambda: value(scene.superuser, failed))
        scene.open_second_mail_server(port)
        scene.account("SMTP refuses connections for a while")
    assert scene.state_of(token) == ("sent", 1)


# Slack -------------------------------------------------------------------------------------------


def _plain(status: int, text: bytes, **headers: str) -> Reply:
    return status, {"Content-Type": "text/html", **headers}, text


LIMITED = slack_json({"ok": False, "error": "ratelimited"}, 429, Retry_After="1")
BROKEN = _plain(500, b"<h1>oh</h1>")
AWAY = _plain(503, b"")
NONSENSE = _plain(200, b"\x00\xff{")
LIAR = slack_json({"ok": "perhaps"})


@pytest.mark.parametrize(
    ("replies", "posted", "expected"),
    [
        pytest.param([LIMITED], None, ("sent", 1), id="429 with Retry-After"),
        pytest.param([AWAY, AWAY], None, ("sent", 1), id="503"),
        pytest.param([BROKEN], None, ("uncertain", 0), id="500"),
        pytest.param([BROKEN], BROKEN, ("uncertain", 1), id="500, yet posted"),
        pytest.param([NONSENSE], NONSENSE, ("uncertain", 1), id="nonsense, yet posted"),
        pytest.param([LIAR], None, ("uncertain", 0), id="neither yes nor no"),
        pytest.param([None], None, ("uncertain", 0), id="nothing"),
        pytest.param(
            [slack_json({"ok": False, "error": "msg_too_long"})], None, ("failed", 0), id="a refusal"
        ),
    ],
)
def test_a_slack_that_answers(
    shared_scene: Scene,
    request: pytest.FixtureRequest,
    replies: list[Reply | None],
    posted: Reply | None,
    expected: Outcome,
) -> None:
    scene = shared_scene
    workspace = scene.receivers.workspace
    workspace.fault, workspace.posted = replies, [] if posted is None else [posted]
    tokens = scene.application.order(*["slack"] * MANY)
    scene.account(f"Slack answers {request.node.callspec.id}")
    assert set(map(scene.state_of, tokens)) == {expected}


def test_what_a_person_released_arrives_again_and_shows_it(shared_scene: Scene) -> None:
    scene = shared_scene
    scene.receivers.post.hooks = {"accepted": _only(1, drop)}
    (token,) = scene.application.order("hold")
    scene.account()
    assert scene.state_of(token) == ("uncertain", 1)
    query = "select dreamlit.release(message_id) from dreamlit.messages where recipient like %s"
    scene.session("admin").execute(query, [f"{token}@%"])
    scene.account("a person releases what was uncertain")
    assert scene.state_of(token) == ("sent", 2)

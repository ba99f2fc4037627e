"""kill -9 of the sender at each stage of a delivery: what becomes of a message that must not repeat, and of one that may."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from tests.faults.conftest import Scene
from tests.helpers import value, wait_until, work

Stop = Callable[[Scene], subprocess.Popen[bytes]]
"""Starts a sender, kills it at its stage, and returns it."""

REPORT_WAITS = "pgmq.q_dreamlit_render"
"""A report looks for its messages in all outbox queues; a claim of email does not look here."""


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(30)


def _end_sessions(scene: Scene) -> None:
    scene.superuser.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name like 'dreamlit sender%'"
    )
    wait_until(
        lambda: (
            not value(
                scene.superuser,
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and application_name like 'dreamlit sender%'",
            )
        )
    )


def _in_claim(scene: Scene) -> None:
    with scene.locked("pgmq.q_dreamlit_email_alert"):
        sender = scene.start_sender()
        wait_until(lambda: scene.waits_for_lock("dreamlit.claim"))
        _kill(sender)


def _in_report_of_the_start(scene: Scene, *, undone: bool = False) -> None:
    with scene.locked(REPORT_WAITS, "exclusive"):
        sender = scene.start_sender()
        wait_until(lambda: scene.waits_for_lock("dreamlit.report"))
        _kill(sender)
        if undone:
            _end_sessions(scene)


def _at_the_server(scene: Scene, stage: str) -> None:
    gate = scene.receivers.post.gate(stage)
    sender = scene.start_sender()
    gate.wait_for(len(scene.application.tokens("committed")))
    _kill(sender)
    del scene.receivers.post.hooks[stage]
    gate.open()


def _in_report_of_the_outcome(scene: Scene, *, undone: bool = False) -> None:
    gate = scene.receivers.post.gate("accepted")
    sender = scene.start_sender()
    gate.wait_for(len(scene.application.tokens("committed")))
    with scene.locked(REPORT_WAITS, "exclusive"):
        gate.open()
        wait_until(lambda: scene.waits_for_lock("dreamlit.report"))
        _kill(sender)
        if undone:
            _end_sessions(scene)


@pytest.mark.parametrize(
    ("stop", "held", "repeated"),
    [
        pytest.param(_in_claim, ("sent", 1), ("sent", 1), id="in claim"),
        pytest.param(
            lambda scene: _in_report_of_the_start(scene, undone=True),
            ("sent", 1),
            ("sent", 1),
            id="after claim",
        ),
        pytest.param(_in_report_of_the_start, ("uncertain", 0), ("sent", 1), id="after started"),
        pytest.param(
            lambda scene: _at_the_server(scene, "greet"), ("uncertain", 0), ("sent", 1), id="connected"
        ),
        pytest.param(
            lambda scene: _at_the_server(scene, "rcpt"), ("uncertain", 0), ("sent", 1), id="before DATA"
        ),
        pytest.param(
            lambda scene: _at_the_server(scene, "accepted"), ("uncertain", 1), ("sent", 2), id="after DATA"
        ),
        pytest.param(
            lambda scene: _in_report_of_the_outcome(scene, undone=True),
            ("uncertain", 1),
            ("sent", 2),
            id="before report",
        ),
        # Of two deliveries the report that waits may hold only one.
        pytest.param(_in_report_of_the_outcome, ("sent", 1), None, id="in report"),
    ],
)
def test_a_sender_killed_at_a_stage_of_its_delivery(
    scene: Scene,
    request: pytest.FixtureRequest,
    stop: Callable[[Scene], None],
    held: tuple[str, int],
    repeated: tuple[str, int] | None,
) -> None:
    """Each pair: the state in the end, and how often the message arrived."""
    expected = {"hold": held} if repeated is None else {"hold": held, "retry": repeated}
    tokens = scene.application.order(*expected)
    scene.application.order("hold", commit=False)
    work(scene.superuser, 2)
    stop(scene)
    scene.start_sender()
    scene.account(f"kill -9 of the sender {request.node.callspec.id}")
    assert dict(zip(expected, map(scene.state_of, tokens), strict=True)) == expected

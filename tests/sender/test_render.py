"""The channel render: batches by step, faults of one item or of the renderer, and the real child process."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.sender.doubles import PATIENCE, FakeDatabase, eventually

from dreamlit_sender.backoff import Backoff
from dreamlit_sender.database import DatabaseTroubleError
from dreamlit_sender.render import ChildRenderer, RendererDownError, RenderLane
from dreamlit_sender.secret import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = pytest.mark.asyncio

SOURCES = {
    "templates": {"to": "{{ trigger.email }}", "subject": "Hi {{ trigger.name }}", "text": "t"},
    "files": {},
}


class FakeRenderer:
    """Renders `{"n": 1}` to `{"subject": "1"}`; fails or dies for the contexts that say so."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def render(
        self,
        channel: str,
        templates: Mapping[str, Any],
        files: Mapping[str, str],
        contexts: Sequence[Mapping[str, Any]],
    ) -> list[Mapping[str, Any]]:
        self.batches.append(len(contexts))
        if any(context.get("dies") for context in contexts):
            raise RendererDownError("gone")
        return [
            {"error": {"code": "template", "message": "'x' is undefined", "field": "subject"}}
            if context.get("fails")
            else {"content": {"subject": str(context["n"])}}
            for context in contexts
        ]

    async def aclose(self) -> None:
        pass


def add(database: FakeDatabase, step: int, count: int, **context: Any) -> None:
    ids = database.add(count, channel="render")
    for message_id in ids:
        row = database.rows[message_id]
        row.content = {"step_id": step, "channel": "email", "context": {"n": message_id, **context}}
        row.templates = SOURCES if message_id == ids[0] else None


async def work(database: FakeDatabase, renderer: Any, condition: Any) -> RenderLane:
    lane = RenderLane(
        database=database,
        renderer=renderer,
        redact=Redactor(),
        poll=60.0,
        backoff=Backoff(first=0.001, cap=0.01),
    )
    task = asyncio.create_task(lane.run())
    await eventually(condition, database)
    lane.stop()
    async with asyncio.timeout(PATIENCE):
        await task
    return lane


async def test_items_are_rendered_step_by_step() -> None:
    database, renderer = FakeDatabase(), FakeRenderer()
    add(database, 1, 5)
    add(database, 2, 3)
    await work(database, renderer, lambda: set(database.states()) == {"rendered"})
    assert renderer.batches == [5, 3]
    assert database.rows[8].result["content"] == {"subject": "8"}
    assert all(r["outcome"] != "started" for e in database.history if e[0] == "report" for r in e[1])


async def test_a_template_that_fails_for_one_item_fails_that_item() -> None:
    database = FakeDatabase()
    add(database, 1, 2)
    add(database, 2, 1, fails=True)
    await work(database, FakeRenderer(), lambda: database.states() == ["rendered", "rendered", "failed"])
    result = database.rows[3].result
    assert (result["fault"], result["code"], result["error"]) == (
        "recipient",
        "template",
        "subject: 'x' is undefined",
    )


async def test_an_item_that_brings_the_renderer_down_does_not_take_the_others_along() -> None:
    database = FakeDatabase()
    add(database, 1, 3)
    database.rows[2].content["context"]["dies"] = True
    database.rows[2].retry = False
    await work(database, FakeRenderer(), lambda: database.states() == ["rendered", "waiting", "rendered"])
    assert database.rows[2].result["fault"] == "transient"


async def test_content_that_cannot_be_stored_is_a_failure_of_its_item() -> None:
    database = FakeDatabase()
    add(database, 1, 3)
    database.reject = lambda result: result["outcome"] == "rendered" and result["message_id"] == 2
    await work(database, FakeRenderer(), lambda: database.states() == ["rendered", "failed", "rendered"])


@pytest.mark.parametrize("moment", ["connect", "claim", "report", "reported"])
async def test_a_connection_may_break_at_any_point(moment: str) -> None:
    database = FakeDatabase()
    add(database, 1, 5)
    broken: list[str] = []

    async def break_once(name: str, what: Any) -> None:
        if name == moment and not broken:
            broken.append(name)
            raise DatabaseTroubleError("connection lost")

    database.point = break_once
    lane = await work(database, FakeRenderer(), lambda: set(database.states()) == {"rendered"})
    assert lane.unreported == 0


class NotedBackoff(Backoff):
    """Waits hardly at all; notes the waits that were asked for, in units of the first."""

    def __init__(self) -> None:
        super().__init__(first=1.0, cap=1000.0, jitter=lambda: 1.0)
        self.steps: list[float] = []

    def next(self) -> float:
        self.steps.append(super().next())
        return 0.001


async def test_a_claim_that_is_refused_is_tried_ever_more_seldom() -> None:
    database, backoff = FakeDatabase(), NotedBackoff()

    async def refuse(name: str, what: Any) -> None:
        if name == "claim":
            database.note("refused")
            raise DatabaseTroubleError("refused")

    database.point = refuse
    lane = RenderLane(database=database, renderer=FakeRenderer(), redact=Redactor(), backoff=backoff)
    task = asyncio.create_task(lane.run())
    await eventually(lambda: len(backoff.steps) >= 4, database)
    lane.stop()
    async with asyncio.timeout(PATIENCE):
        await task
    assert backoff.steps[:4] == [1.0, 2.0, 4.0, 8.0]


async def test_the_child_renders_with_the_shared_renderer() -> None:
    pytest.importorskip("dreamlit_pg.rendering")
    renderer = ChildRenderer(timeout=3 * PATIENCE)
    contexts = [{"trigger": {"email": "a@x.org", "name": "Ann"}}, {"trigger": {"email": "b@x.org"}}]
    try:
        first, second = await renderer.render("email", SOURCES["templates"], {}, contexts)
    finally:
        await renderer.aclose()
    assert first["content"]["subject"] == "Hi Ann"
    assert first["content"]["to"] == ["a@x.org"]
    assert "name" in second["error"]["message"]


@pytest.mark.parametrize(
    "program",
    [
        "pass",
        "import sys; sys.stdin.buffer.read(4); sys.exit(3)",
        "import sys; print('\\0\\0\\0\\x09not json!', flush=True); input()",
        "import sys; print('\\0\\0\\0\\x02[]', flush=True); input()",
        "import sys; print('\\0\\0\\0\\x02{}', flush=True); input()",
        "import sys; print('\\0\\0\\0\\x0e{\"results\":[]}', flush=True); input()",
    ],
)
async def test_a_child_that_misbehaves_is_ended(program: str) -> None:
    renderer = ChildRenderer(timeout=3 * PATIENCE, command=(sys.executable, "-c", program))
    with pytest.raises(RendererDownError):
        await renderer.render("email", {}, {}, [{}])
    await renderer.aclose()


async def test_a_child_that_hangs_is_ended() -> None:
    renderer = ChildRenderer(timeout=0.2, command=(sys.executable, "-c", "import time; time.sleep(600)"))
    with pytest.raises(RendererDownError):
        await renderer.render("email", {}, {}, [{}])
    await renderer.aclose()

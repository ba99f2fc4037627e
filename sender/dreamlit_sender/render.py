"""The channel `render`: claims items, renders them with the shared renderer, reports the texts.

Used where the database has no plpython3u. There is nothing to hand over here, so nothing is reported as
started, and an item rendered twice does no harm.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import struct
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from dreamlit_sender import results
from dreamlit_sender.backoff import Backoff
from dreamlit_sender.database import Claimed, Database, DatabaseTroubleError, Result, Session
from dreamlit_sender.log import log_event, log_fault
from dreamlit_sender.quiet import Quiet
from dreamlit_sender.reporter import Reporter
from dreamlit_sender.transport import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dreamlit_sender.secret import Redactor

CHANNEL = "render"
_HEAD = 4


class RendererDownError(Exception):
    """The renderer did not answer; the items may be tried again."""


class Renderer(Protocol):
    """Renders a batch of contexts with one set of templates."""

    async def render(
        self,
        channel: str,
        templates: Mapping[str, Any],
        files: Mapping[str, str],
        contexts: Sequence[Mapping[str, Any]],
    ) -> list[Mapping[str, Any]]:
        """Return `{"content": …}` or `{"error": …}` for each context. Raises RendererDownError."""
        ...

    async def aclose(self) -> None:
        """End what belongs to the renderer."""
        ...


class ChildRenderer:
    """Renders in a process of its own, started at first use and again whenever it has died or hung."""

    def __init__(self, *, timeout: float = 30.0, command: Sequence[str] | None = None) -> None:
        self._timeout = timeout
        self._command = tuple(command or (sys.executable, "-m", "dreamlit_sender.render_child"))
        self._process: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def render(
        self,
        channel: str,
        templates: Mapping[str, Any],
        files: Mapping[str, str],
        contexts: Sequence[Mapping[str, Any]],
    ) -> list[Mapping[str, Any]]:
        """Return one result a context. Raises RendererDownError after ending the process."""
        request = {"channel": channel, "templates": templates, "files": files, "contexts": list(contexts)}
        async with self._one_at_a_time:
            answered = False
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._ask(request)
                answered = True
            except (OSError, EOFError, ValueError, TypeError) as error:
                raise RendererDownError(f"the renderer did not answer: {type(error).__name__}") from error
            finally:
                if not answered:
                    await self.aclose()
        if "error" in answer:
            raise RendererDownError(str(answer["error"]))
        found: list[Mapping[str, Any]] = answer.get("results") or []
        if len(found) != len(contexts):
            raise RendererDownError(f"the renderer gave {len(found)} results for {len(contexts)} items")
        return found

    async def aclose(self) -> None:
        """End the process at once: it holds nothing."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.returncode is not None:
            # A session of its own: Ctrl-C in the terminal is for the sender, which then finishes its batch.
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            self._process = process
        if process.stdin is None or process.stdout is None:
            raise EOFError
        data = pickle.dumps(request)  # JSON would make floats of decimals: 19.90 has to stay 19.90
        process.stdin.write(struct.pack(">I", len(data)) + data)
        await process.stdin.drain()
        head = await process.stdout.readexactly(_HEAD)
        answer = json.loads(await process.stdout.readexactly(struct.unpack(">I", head)[0]))
        if not isinstance(answer, dict):
            raise TypeError("not an object")
        return answer


class RenderLane:
    """Renders until it is told to stop."""

    def __init__(
        self,
        *,
        database: Database,
        renderer: Renderer,
        redact: Redactor,
        chunk: int = 100,
        poll: float = 1.0,
        shutdown_timeout: float = 20.0,
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._renderer = renderer
        self._redact = redact
        self._chunk = chunk
        self._quiet = Quiet(poll)
        self._shutdown_timeout = shutdown_timeout
        self._backoff = backoff or Backoff()
        self._reporter = Reporter(CHANNEL)
        self._changed = asyncio.Event()
        self._stop_by: float | None = None

    @property
    def unreported(self) -> int:
        """How many results the database has not acknowledged."""
        return len(self._reporter)

    def wake(self) -> None:
        """There may be something to claim."""
        self._changed.set()

    def stop(self) -> None:
        """Finish the batch at hand; `run` then returns."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + self._shutdown_timeout
            self._changed.set()

    async def run(self) -> None:
        """Work until stopped. Raises nothing but CancelledError; what is left unreported is logged."""
        try:
            while self._stop_by is None or len(self._reporter):
                try:
                    session = await self._database.connect(CHANNEL)
                    try:
                        await self._work(session)
                    finally:
                        await session.aclose()
                except DatabaseTroubleError as trouble:
                    if not await self._wait_out(str(trouble)):
                        break
                except Exception as error:  # noqa: BLE001 - a fault of ours must not end the process
                    log_fault()
                    if not await self._wait_out(type(error).__name__):
                        break
        finally:
            self._reporter.log_lost()

    async def _work(self, session: Session) -> None:
        while True:
            await self._reporter.report(session)
            if len(self._reporter):
                continue
            if self._stop_by is not None:
                return
            self._changed.clear()
            claimed = await session.claim(CHANNEL, self._chunk)
            self._backoff.reset()  # not before: a report of nothing asks nobody
            pause = self._quiet.seconds(found=bool(claimed))
            if claimed:
                await self._render(claimed)
            elif self._stop_by is None:
                await self._wait(pause)

    async def _render(self, claimed: Sequence[Claimed]) -> None:
        steps: dict[Any, list[Claimed]] = {}
        for item in claimed:
            steps.setdefault(item.content["step_id"], []).append(item)
        for step_id, items in steps.items():
            if self._stop_by is not None and time.monotonic() >= self._stop_by:
                for item in items:
                    self._reporter.add(results.released(item))
                continue
            for result in await self._render_step(items):
                self._reporter.add(result)
            log_event(logging.INFO, "rendered", step=step_id, messages=len(items))

    async def _render_step(self, items: Sequence[Claimed]) -> list[Result]:
        sources = next((item.templates for item in items if item.templates is not None), None)
        if sources is None:
            return [self._failed(item, "templates", "the claim brought no templates") for item in items]
        channel = items[0].content["channel"]
        contexts = [item.content["context"] for item in items]
        try:
            found = await self._renderer.render(
                channel, sources.get("templates") or {}, sources.get("files") or {}, contexts
            )
        except RendererDownError as error:
            if len(items) > 1:
                # One item may have brought the renderer down: the others shall not suffer for it.
                return [result for item in items for result in await self._render_alone(item, sources)]
            log_event(logging.ERROR, "renderer_down", error=str(error))
            return [self._failed(items[0], "renderer", str(error))]
        return [self._result(item, one) for item, one in zip(items, found, strict=True)]

    async def _render_alone(self, item: Claimed, sources: Mapping[str, Any]) -> list[Result]:
        alone = Claimed(item.message_id, item.attempt, item.content, sources, item.deadline, item.lease)
        if item.lease_left() <= 0:
            return [self._failed(item, "lease", "the lease ended before the item was rendered")]
        return await self._render_step([alone])

    def _result(self, item: Claimed, one: Mapping[str, Any]) -> Result:
        if isinstance(one.get("content"), dict):
            return results.rendered(item, one["content"])
        error = one.get("error") or {}
        where = f"{error['field']}: " if error.get("field") else ""
        text = f"{where}{error.get('message', 'rendering failed')}"
        return results.unfit(item, code=str(error.get("code", "template")), error=text, redact=self._redact)

    def _failed(self, item: Claimed, code: str, error: str) -> Result:
        return results.finished(item, Outcome.failed("transient", code=code, error=error), self._redact)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _wait_out(self, reason: str) -> bool:
        delay = self._backoff.next()
        log_event(logging.WARNING, "database_away", channel=CHANNEL, error=reason, retry_in=round(delay, 2))
        until = time.monotonic() + delay
        while (left := min(until, self._stop_by or until) - time.monotonic()) > 0:
            self._changed.clear()
            await self._wait(left)
        return self._stop_by is None or time.monotonic() < self._stop_by

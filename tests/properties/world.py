"""A database to play in, with a clock that stands still until it is moved, and everybody who touches it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from tests.helpers import Connection, column, rows, value, work
from tests.outbox.conftest import Sender

from dreamlit_pg.rendering import references, render_batch

from .definitions import TABLE
from .invariants import HELD, broken, unfinished

Connect = Callable[..., Connection]
Claimed = dict[str, Any]

CHANNELS = ("email", "slack")
WORKFLOWS = ("one", "two")
_ENGINE_STATE = (
    "dreamlit._runs, dreamlit._run_history, dreamlit._tasks, dreamlit._task_history, dreamlit._task_attempts,"
    " dreamlit._messages, dreamlit._attempts, dreamlit._ignored_events, dreamlit._audit_log, dreamlit._failures,"
    f" dreamlit._senders, dreamlit._workers, {HELD}"
)


class World:
    """The sessions of all roles; each method is one thing that somebody does, in transactions of its own."""

    def __init__(self, connect: Connect) -> None:
        self.admin = connect("admin")
        self.app = connect("app")
        self.superuser = connect("superuser")
        self.senders = [Sender(connect("sender"), name) for name in ("me", "other")]
        self.complaints: list[str] = []
        self.superuser.add_notice_handler(
            lambda notice: (
                self.complaints.append(notice.message_primary or "") if notice.severity == "WARNING" else None
            )
        )
        self.admin.execute(TABLE.encode())
        self.superuser.execute("create table public.clock as select now() as at")
        self.superuser.execute("grant select on public.clock to public")
        self.superuser.execute(
            "create or replace function dreamlit._now() returns timestamptz language sql stable"
            " as $$ select at from public.clock $$"
        )

    def reset(self, *, renderer: str) -> None:
        """Forget every workflow and all that came of it; the clock goes back to now, chance to its start."""
        for workflow in column(
            self.superuser, "select name from dreamlit._workflows where state <> 'unpublished'"
        ):
            self.admin.execute("select dreamlit.unpublish(%s, true)", [workflow])
        queues = column(self.superuser, "select 'pgmq.q_' || queue from dreamlit._queues()")
        self.superuser.execute(
            f"truncate {_ENGINE_STATE}, {', '.join(queues)}, pgmq.a_dreamlit_events, public.things".encode()
        )
        self.superuser.execute(
            "update dreamlit._channels set blocked_until = '-infinity', reason = null, failures = 0"
        )
        self.superuser.execute("update dreamlit._workflows set sandbox = false")
        self.superuser.execute("update public.clock set at = now()")
        self.superuser.execute("select dreamlit.set_setting('renderer', to_jsonb(%s::text))", [renderer])
        # A claim of Slack would else give one message out for each moment of a clock that stands still.
        self.superuser.execute("""select dreamlit.set_setting('slack_pace', '"0 seconds"')""")
        for connection in (self.superuser, self.admin, *(sender.connection for sender in self.senders)):
            connection.execute("select setseed(0.5)")
        self.complaints.clear()

    def publish(self, definition: dict[str, Any]) -> None:
        """Publish as the Python client does, which reads the templates where the server cannot."""
        read = {
            f"steps[{position}].{kind}": references(step[kind], {})
            for position, step in enumerate(definition["steps"])
            for kind in CHANNELS
            if kind in step
        }
        self.admin.execute("select dreamlit.publish(%s)", [Jsonb({**definition, "references": read})])

    def attempt(self, query: str, *parameters: object) -> Any:
        """What an administrator's call returns; none where the engine refuses it."""
        try:
            return value(self.admin, query, *parameters)
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("DL"):
                raise
            return None

    def pass_time(self, interval: str) -> None:
        """Let so much time pass. No day begins without its partitions: the worker looks after them all the time."""
        self.superuser.execute("update public.clock set at = at + %s::interval", [interval])
        for session in (self.superuser, *(sender.connection for sender in self.senders)):
            session.execute("reset all")  # what a session remembers for a second of the real clock
        self.superuser.execute("select dreamlit._ensure_partitions()")

    def work(self) -> None:
        """One pass of the worker, with all its chores."""
        self.superuser.execute("update dreamlit._chores set due_at = '-infinity'")
        for _ in range(value(self.superuser, "select count(*) from dreamlit._chores")):
            self.superuser.execute("select dreamlit._housekeep()")
        work(self.superuser)
        assert self.complaints == [], self.complaints

    def open_runs(self) -> list[int]:
        """The ids of the open runs."""
        return column(self.superuser, "select run_id from dreamlit._runs order by run_id")

    def all_runs(self) -> list[int]:
        """The ids of all runs."""
        return column(self.superuser, "select run_id from dreamlit.runs order by run_id")

    def held(self) -> list[int]:
        """The ids of the messages that wait for a person."""
        return column(self.superuser, f"select message_id from {HELD} order by message_id")

    def message(self, message_id: int) -> dict[str, Any]:
        """A message's row, with its workflow's state."""
        (found,) = rows(
            self.superuser,
            "select m.*, w.state as workflow_state from dreamlit._messages as m"
            " left join dreamlit._workflows as w using (workflow_id) where m.message_id = %s",
            message_id,
        )
        return found

    def events(self) -> Counter[tuple[str, str, int]]:
        """How often each change of a row stands in the log of events: by workflow, operation and row."""
        found = rows(
            self.superuser,
            "select workflow, operation, (payload -> 'trigger' -> 'thing_id')::integer as thing_id, count(*)"
            " from dreamlit.event_log group by 1, 2, 3",
        )
        return Counter({(row["workflow"], row["operation"], row["thing_id"]): row["count"] for row in found})

    def check(self) -> None:
        """All invariants hold."""
        found = broken(self.superuser)
        assert found == {}, found

    def render(self, sender: Sender) -> None:
        """Let a sender render what waits for it, as far as it may."""
        templates: dict[int, dict[str, Any]] = {}
        for row in sender.claim(20, channel="render"):
            content = row["content"]
            if row["templates"]:
                templates[content["step_id"]] = row["templates"]
            given = templates[content["step_id"]]
            (rendered,) = render_batch(
                content["channel"], given["templates"], given["files"], [content["context"]]
            )
            if "content" in rendered:
                sender.report(row, "rendered", content=rendered["content"])
            else:
                sender.report(row, "failed", fault="recipient", error=str(rendered["error"]["message"]))

    def finish(self) -> None:
        """Resume and release everything, answer every claim with success, let the days go by: all must end."""
        for workflow in column(self.superuser, "select name from dreamlit._workflows where state = 'paused'"):
            self.admin.execute("select dreamlit.resume(%s)", [workflow])
        self.superuser.execute("update dreamlit._workflows set sandbox = false")
        for _ in range(40):
            self.work()
            self.deliver_all()
            for message in self.held():
                self.admin.execute("select dreamlit.release(%s)", [message])
            if not unfinished(self.superuser):
                break
            self.pass_time("1 day")
        left = unfinished(self.superuser)
        assert left == {}, left
        self.check()

    def deliver_all(self) -> None:
        """Deliver whatever can be claimed."""
        (sender, *_) = self.senders
        self.render(sender)
        for channel in CHANNELS:
            while claimed := sender.claim(100, channel=channel):
                answers = sender.report_all(claimed, "started")
                going = {row["message_id"] for row in answers if row["state"] == "sending"}
                sender.report_all([row for row in claimed if row["message_id"] in going], "sent")

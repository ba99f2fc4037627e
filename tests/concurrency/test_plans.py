"""Plans that are made while PostgreSQL believes the queues to be empty, and what they do with a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg.errors import Diagnostic
from tests.helpers import Connection, add_users, email, slack, work
from tests.outbox.conftest import Sender

from .conftest import Run

Connect = Callable[..., Connection]
Plan = dict[str, Any]

HOT = (
    "_runs",
    "_tasks",
    "_messages",
    "_held_messages",
    "q_dreamlit_events",
    "q_dreamlit_email_urgent",
    "q_dreamlit_slack_urgent",
    "q_dreamlit_render",
)
HISTORY = ("_run_history", "_task_history", "_messages", "_attempts", "_engagement")
BATCH = 300
"""So many at once that whoever compares all with all, or reads all for each, stands out."""
STEPS = (
    email(after="trigger"),
    {"id": "each", "after": "trigger", "query": "select g.n from generate_series(1, 2) as g(n)"},
    {"id": "odd", "after": "each", "if": "each.n = 1"},
    {**slack(), "id": "more", "after": "odd"},
    {**slack("reply"), "after": "more", "slack": {"thread": "more", "text": "Hi"}},
    {"id": "bad", "after": "trigger", "if": "1 / (trigger.user_id % 30) >= 0", "attempts": 1},
    {
        "id": "later",
        "after": "trigger",
        "wait": {"until": "now() + interval '1 day' * (trigger.user_id % 2)"},
    },
)


class Explained:
    """A session that tells the plan of each statement it has run, those within functions too."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.plans: list[Plan] = []
        connection.add_notice_handler(self._hear)

    def _hear(self, notice: Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            self.plans.append(json.loads(text[text.index("{") :]))


@pytest.fixture
def explained(connect: Connect, superuser: Connection) -> Callable[[str], Explained]:
    """Sessions of a role, with what auto_explain says as notices."""
    name = superuser.info.dbname
    settings = {
        "session_preload_libraries": "auto_explain",
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_analyze": "on",
        "auto_explain.log_timing": "off",
        "auto_explain.log_nested_statements": "on",
        "auto_explain.log_format": "json",
        "auto_explain.log_level": "notice",
    }
    for setting, of in settings.items():
        superuser.execute(f"alter database {name} set {setting} = '{of}'".encode())
    return lambda role: Explained(connect(role))


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _faults(plans: list[Plan]) -> list[str]:
    """Nodes that read a hot table without a key, or take each of the batch many times."""
    return [
        f"{node['Node Type']} {node.get('Relation Name', '')} by {node.get('Index Name')}, {_rows(node)} rows,"
        f" in: {' '.join(plan['Query Text'].split())[:300]}"
        for plan in plans
        for node in _nodes(plan["Plan"])
        if _reads_blindly(node) or _rows(node) > 20 * BATCH
    ]


def _rows(node: Plan) -> int:
    kinds = (
        "Actual Rows",
        "Rows Removed by Join Filter",
        "Rows Removed by Filter",
        "Rows Removed by Index Recheck",
    )
    return int(node["Actual Loops"] * max(node.get(kind, 0) for kind in kinds))


def _table(node: Plan) -> str:
    return str(node.get("Relation Name", "")).rstrip("0123456789_")  # without a partition's day


def _reads_blindly(node: Plan) -> bool:
    keyed = node.get("Index Cond") or node.get("Recheck Cond")
    return _table(node) in HOT and "Scan" in node["Node Type"] and bool(node["Actual Loops"]) and not keyed


@pytest.mark.parametrize("renderer", ["database", "sender"])
def test_a_plan_made_while_all_was_done_serves_a_batch(
    run: Run,
    explained: Callable[[str], Explained],
    connect: Connect,
    app: Connection,
    superuser: Connection,
    renderer: str,
) -> None:
    """ANALYZE finds pages and no rows, as it does whenever a batch has just ended: planners then believe in one row."""
    run(*STEPS, users=0, key="new.user_id")
    superuser.execute(f"""select dreamlit.set_setting('renderer', '"{renderer}"')""".encode())
    superuser.execute("""select dreamlit.set_setting('slack_pace', '"0 seconds"')""")
    analyst = connect("superuser", autocommit=False)
    analyst.execute("set transaction isolation level repeatable read")
    analyst.execute("select count(*) from dreamlit._runs")
    _take_all(app, superuser, Sender(connect("sender"), "first"), BATCH)
    superuser.execute("delete from dreamlit._tasks where state = 'waiting'")
    superuser.execute("delete from dreamlit._runs")
    superuser.execute("update dreamlit._chores set due_at = 'infinity'")  # which look at all, now and then
    superuser.execute("analyze")
    worker, sender = explained("superuser"), explained("sender")
    for _ in range(7):  # a plan is generic from the sixth call on
        _take_all(app, worker.connection, Sender(sender.connection, "me"), 2)
    worker.plans.clear()
    sender.plans.clear()
    taken = _take_all(app, worker.connection, Sender(sender.connection, "me"), BATCH)
    assert taken == 3 * BATCH
    assert len(worker.plans) > 10
    assert len(sender.plans) > 10
    faults = _faults(worker.plans + sender.plans)
    assert not faults, "\n".join(faults)


def test_chores_do_not_read_what_is_past(
    run: Run,
    explained: Callable[[str], Explained],
    connect: Connect,
    app: Connection,
    superuser: Connection,
) -> None:
    """Above all not each minute, for the versions that may be dropped."""
    run(email(after="trigger"), users=0)
    _take_all(app, superuser, Sender(connect("sender"), "me"), BATCH)
    superuser.execute("update dreamlit._run_history set state = 'failed' where run_id % 100 = 0")
    run({**email(after="trigger"), "lane": "bulk"}, users=0)
    _take_all(app, superuser, Sender(connect("sender"), "me"), BATCH)
    superuser.execute("analyze")
    worker = explained("superuser")
    for (chore,) in superuser.execute("select chore from dreamlit._chores").fetchall():
        worker.connection.execute("select dreamlit._do_chore(%s)", [chore])
    looks = [
        (plan["Query Text"], _table(node), _rows(node))
        for plan in worker.plans
        for node in _nodes(plan["Plan"])
        if _table(node) in HISTORY
    ]
    assert "_run_history" in {
        table for _, table, _ in looks
    }  # for the replaced version, of which runs failed
    assert not [look for look in looks if look[2] > 2]
    retained = superuser.execute(
        "select failed_runs from dreamlit.versions where state = 'retained'"
    ).fetchall()
    assert retained == [(3,)]


def _take_all(app: Connection, worker: Connection, sender: Sender, users: int) -> int:
    """Users sign up, and all that comes of them is delivered; returns how many messages that was."""
    delivered = 0
    add_users(app, users)
    for _ in range(5):
        work(worker)
        rendering = sender.claim(1000, channel="render")
        content = {"to": ["ann@x.com"], "subject": "Hi", "text": "Hi", "channel": "#all"}
        sender.report_all(rendering, "rendered", content=content)
        for channel in ("email", "slack"):
            claimed = sender.claim(1000, channel=channel)
            sender.report_all(claimed, "started")
            sender.report_all(claimed, "sent")
            delivered += len(claimed)
    return delivered

"""The views as SQLAlchemy tables, for reads: ``select(tables.runs).where(tables.runs.c.state == "failed")``.

Names and types only; what each column means stands in the database (``\\d+ dreamlit.runs``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, MetaData, Numeric, String, Table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

metadata = MetaData(schema="dreamlit")

_TIME = DateTime(timezone=True)


def _view(name: str, /, **columns: TypeEngine[Any] | type[TypeEngine[Any]]) -> Table:
    return Table(name, metadata, *(Column(column, kind) for column, kind in columns.items()))


workflows = _view(
    "workflows",
    workflow_id=BigInteger,
    name=String,
    state=String,
    version=Integer,
    watches=String,
    operations=ARRAY(String),
    publisher=String,
    published_at=_TIME,
    state_changed_at=_TIME,
    open_runs=BigInteger,
    definition=JSONB,
    sandbox=Boolean,
    redirect=JSONB,
)
versions = _view(
    "versions",
    workflow=String,
    version=Integer,
    state=String,
    publisher=String,
    published_at=_TIME,
    open_runs=BigInteger,
    waiting_events=BigInteger,
    failed_runs=BigInteger,
    definition=JSONB,
)
runs = _view(
    "runs",
    run_id=BigInteger,
    workflow=String,
    version=Integer,
    state=String,
    started_by=String,
    event_id=BigInteger,
    key=String,
    occurred_at=_TIME,
    started_at=_TIME,
    finished_at=_TIME,
    doing=String,
    waits_until=_TIME,
    open_tasks=Integer,
    done_tasks=Integer,
    skipped_tasks=Integer,
    failed_tasks=Integer,
    messages=JSONB,
    last_error=JSONB,
    payload=JSONB,
)
tasks = _view(
    "tasks",
    task_id=BigInteger,
    run_id=BigInteger,
    workflow=String,
    version=Integer,
    step=String,
    kind=String,
    state=String,
    attempt=Integer,
    due_at=_TIME,
    started_at=_TIME,
    finished_at=_TIME,
    error=JSONB,
    item=JSONB,
)
messages = _view(
    "messages",
    message_id=BigInteger,
    run_id=BigInteger,
    task_id=BigInteger,
    workflow=String,
    step=String,
    channel=String,
    lane=String,
    recipient=String,
    subject=String,
    state=String,
    attempts=Integer,
    retry_at=_TIME,
    error=JSONB,
    provider=String,
    provider_id=String,
    created_at=_TIME,
    settled_at=_TIME,
    content=JSONB,
    topic=String,
)
attempts = _view(
    "attempts",
    message_id=BigInteger,
    attempt=Integer,
    sender=String,
    started_at=_TIME,
    finished_at=_TIME,
    outcome=String,
    fault=String,
    code=String,
    error=String,
    provider=String,
    provider_id=String,
)
event_log = _view(
    "event_log",
    event_id=BigInteger,
    workflow=String,
    version=Integer,
    operation=String,
    payload=JSONB,
    key=String,
    occurred_at=_TIME,
    taken_at=_TIME,
    run_id=BigInteger,
    ignored_because=String,
)
health = _view("health", name=String, state=String, number=Numeric, seconds=Numeric, detail=String)
alerts = _view(
    "alerts",
    alert_id=BigInteger,
    kind=String,
    subject=String,
    count=BigInteger,
    text=String,
    opened_at=_TIME,
    last_seen_at=_TIME,
    told_at=_TIME,
    closed_at=_TIME,
)
rates = _view("rates", bucket=String, per_second=Numeric, burst=Integer, tokens=Numeric)
activity = _view(
    "activity",
    at=_TIME,
    workflow=String,
    run_id=BigInteger,
    what=String,
    state=String,
    step=String,
    task_id=BigInteger,
    message_id=BigInteger,
    recipient=String,
    attempt=Integer,
    seconds=Numeric,
    detail=String,
)
topics = _view(
    "topics",
    topic=String,
    title=String,
    description=String,
    workflows=ARRAY(String),
    unsubscribed=BigInteger,
    created_at=_TIME,
    changed_at=_TIME,
)
engagement = _view(
    "engagement",
    at=_TIME,
    kind=String,
    message_id=BigInteger,
    workflow=String,
    step=String,
    version=Integer,
    channel=String,
    topic=String,
    recipient=String,
    bounce=String,
    machine=Boolean,
    url=String,
    user_agent=String,
    provider=String,
    event_id=String,
    provider_id=String,
    recorded_at=_TIME,
    raw=JSONB,
)
message_stats = _view(
    "message_stats",
    workflow=String,
    step=String,
    version=Integer,
    day=Date,
    channel=String,
    sent=BigInteger,
    delivered=BigInteger,
    bounced=BigInteger,
    complained=BigInteger,
    opened=BigInteger,
    opened_by_machine=BigInteger,
    clicked=BigInteger,
    unsubscribed=BigInteger,
    clicked_by_machine=BigInteger,
    suppressed=BigInteger,
    failed=BigInteger,
)

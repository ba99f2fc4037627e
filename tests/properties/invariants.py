"""What must hold in any database of ours, whatever was done to it: each is a query that returns what breaks it.

All hold between any two transactions. `broken` asks them all; `unfinished` says what is left to do, which is
nothing once everything was answered and every moment has passed. They count over the whole history, so they are
for databases from which no partition was dropped.
"""

from __future__ import annotations

from tests.helpers import Connection, rows

HELD = "dreamlit._held_messages"
HELD_STATES = {"uncertain": "uncertain", "held": "sandbox"}
"""The states of a message that waits for a person, each with its reason in the table of the held."""
SETTLED_STATES = ("sent", "failed", "cancelled", "discarded", "suppressed")

_OPEN_STATES = ", ".join(f"'{state}'" for state in ("queued", *HELD_STATES))
_REASONS = ", ".join(f"('{state}', '{reason}')" for state, reason in HELD_STATES.items())
_SETTLED = ", ".join(f"'{state}'" for state in SETTLED_STATES)
_ALL_RUNS = """(
    select run_id, event_id, workflow_id, key, done_tasks, skipped_tasks, failed_tasks, null as state
    from dreamlit._runs
    union all
    select run_id, event_id, workflow_id, key, done_tasks, skipped_tasks, failed_tasks, state
    from dreamlit._run_history)"""

INVARIANTS = {
    "an open run counts its open tasks": """
        select r.run_id, r.open_tasks, t.tasks
        from dreamlit._runs as r
        left join lateral (
            select count(*) as tasks from dreamlit._tasks as t where t.run_id = r.run_id) as t on true
        where r.open_tasks <> t.tasks""",
    "a run without open tasks is not open": """
        select run_id, open_tasks from dreamlit._runs where open_tasks <= 0""",
    "an open task belongs to an open run": """
        select t.task_id, t.run_id, t.state from dreamlit._tasks as t
        where not exists (select from dreamlit._runs as r where r.run_id = t.run_id)""",
    "a run stands in one place": f"""
        select run_id, count(*) from {_ALL_RUNS} as r group by run_id having count(*) > 1""",
    "a task stands in one place": """
        select task_id, count(*)
        from (select task_id from dreamlit._tasks union all select task_id from dreamlit._task_history) as t
        group by task_id having count(*) > 1""",
    "a run counts its ended tasks": f"""
        select r.run_id, r.done_tasks, r.skipped_tasks, r.failed_tasks, h.*
        from {_ALL_RUNS} as r
        left join lateral (
            select count(*) filter (where h.state = 'done') as done,
                count(*) filter (where h.state = 'skipped') as skipped,
                count(*) filter (where h.state = 'failed') as failed
            from dreamlit._task_history as h where h.run_id = r.run_id) as h on true
        where (r.done_tasks, r.skipped_tasks, r.failed_tasks) is distinct from (h.done, h.skipped, h.failed)""",
    "a finished run's state follows from its tasks": """
        select h.run_id, h.state, h.failed_tasks from dreamlit._run_history as h
        where case h.state when 'done' then h.failed_tasks > 0 when 'failed' then h.failed_tasks = 0 else false end
           or h.state <> 'cancelled' and exists (
                select from dreamlit._task_history as t where t.run_id = h.run_id and t.state = 'cancelled')
              and not exists (  -- of a cancelled run the failed tasks may be retried
                select from dreamlit._audit_log as l where l.action = 'retry run' and l.run_id = h.run_id)""",
    "a task is due at some time unless a sender has it": """
        select task_id, state, due_at from dreamlit._tasks
        where (due_at is null) <> (state in ('rendering', 'sending'))""",
    "a task that is sending counts its open messages": f"""
        select t.task_id, t.state, t.open_messages, m.messages
        from dreamlit._tasks as t
        left join lateral (
            select count(*) as messages from dreamlit._messages as m
            where m.task_id = t.task_id and m.state in ({_OPEN_STATES})) as m on true
        where m.messages <> case when t.state = 'sending' then t.open_messages else 0 end
           or t.state = 'sending' and m.messages = 0""",
    "an open message belongs to an open task": f"""
        select m.message_id, m.state, m.task_id from dreamlit._messages as m
        where m.state in ({_OPEN_STATES}) and m.task_id is not null
          and not exists (select from dreamlit._tasks as t where t.task_id = m.task_id)""",
    "a queued message stands once in its lane's queue, and nothing else does": """
        select m.message_id, m.channel, m.lane, o.message_id as in_queue, o.channel, o.lane
        from (select * from dreamlit._messages where state = 'queued') as m
        full join dreamlit._outbox as o on (o.message_id, o.channel, o.lane) = (m.message_id, m.channel, m.lane)
        where m.message_id is null or o.message_id is null""",
    "no message stands in two queues": """
        select message_id, count(*) from dreamlit._outbox group by message_id having count(*) > 1""",
    "the held messages are those that wait for a person": f"""
        select m.message_id, m.state, h.message_id as held, h.reason
        from (select m.*, s.reason as expected from dreamlit._messages as m
              join (values {_REASONS}) as s(state, reason) on s.state = m.state) as m
        full join {HELD} as h on h.message_id = m.message_id and h.created_at = m.created_at
        where h.reason is distinct from m.expected""",
    "a task that is rendering stands once in the render queue": """
        select t.task_id, q.rows
        from dreamlit._tasks as t
        left join lateral (
            select count(*) as rows from pgmq.q_dreamlit_render as q
            where (q.message -> 'task_id')::bigint = t.task_id) as q on true
        where t.state = 'rendering' and q.rows <> 1""",
    "a message counts its attempts": """
        select m.message_id, m.state, m.attempts, a.attempts as logged
        from dreamlit._messages as m
        left join lateral (
            select count(*) filter (where coalesce(a.fault, '') not in ('configuration', 'limited')) as attempts
            from dreamlit._attempts as a where a.message_id = m.message_id) as a on true
        where case
            when exists (
                select from dreamlit._audit_log as l
                where l.action = 'release' and l.message_id = m.message_id
                   or l.action = 'retry run' and l.run_id = m.run_id)
            then m.attempts > a.attempts  -- counted from none when it was queued again
            else m.attempts <> a.attempts end""",
    "a message is sent by an attempt, and by one only": """
        select m.message_id, m.state, a.sent
        from dreamlit._messages as m
        left join lateral (
            select count(*) as sent from dreamlit._attempts as a
            where a.message_id = m.message_id and a.outcome = 'sent') as a on true
        where a.sent > 1
           or m.state = 'sent' and a.sent = 0 and not exists (
                select from dreamlit._audit_log as l
                where l.action = 'discard' and l.message_id = m.message_id and l.detail -> 'delivered' = 'true')
           or m.state <> 'sent' and a.sent = 1""",
    "a settled message says when": f"""
        select message_id, state, settled_at from dreamlit._messages
        where (settled_at is null) = (state in ({_SETTLED}))""",
    "an event starts one run or is ignored": f"""
        select e.event_id, count(*)
        from (select event_id from {_ALL_RUNS} as r union all select event_id from dreamlit._ignored_events) as e
        group by e.event_id having count(*) > 1""",
    "a key has one open run": """
        select workflow_id, key, count(*) from dreamlit._runs
        where key is not null group by workflow_id, key having count(*) > 1""",
    "no event is strange": "select msg_id, message from pgmq.a_dreamlit_events",
}

UNFINISHED = {
    "events in the queue": "select count(*) from pgmq.q_dreamlit_events",
    "open runs": "select count(*) from dreamlit._runs",
    "open tasks": "select count(*) from dreamlit._tasks",
    "messages in the outbox": "select count(*) from dreamlit._outbox",
    "tasks to be rendered": "select count(*) from pgmq.q_dreamlit_render",
    "held messages": f"select count(*) from {HELD}",
}


def broken(superuser: Connection) -> dict[str, list[dict[str, object]]]:
    """The invariants that do not hold, each with the first rows that break it; all are asked of one snapshot."""
    found: dict[str, list[dict[str, object]]] = {}
    with superuser.transaction():
        superuser.execute("set transaction isolation level repeatable read, read only")
        for name, query in INVARIANTS.items():
            if wrong := rows(superuser, f"select * from ({query}) as broken limit 5"):
                found[name] = wrong
    return found


def unfinished(superuser: Connection) -> dict[str, int]:
    """What there is left to do, by kind; empty when all is done."""
    parts = ", ".join(f'({query}) as "{name}"' for name, query in UNFINISHED.items())
    (found,) = rows(superuser, f"select {parts}")
    return {name: count for name, count in found.items() if count}

create or replace view dreamlit.runs as
select
  r.run_id,
  w.name as workflow,
  v.version,
  case when r.cancelling then 'cancelled' when r.failed_tasks > 0 then 'failed' when w.state = 'paused' then 'paused' else 'running' end as state,
  r.operation || coalesce(' of ' || v.trigger_table, '') as started_by,
  r.event_id,
  r.key,
  r.occurred_at,
  r.started_at,
  null::timestamptz as finished_at,
  (
    select string_agg(s.name || case t.state when 'waiting' then ': waiting' when 'due' then case when t.attempts > 0 then ': trying again' else ': due' end else ': ' || t.state end
      || case when t.tasks > 1 then format(' (%s tasks)', t.tasks) else '' end, ', ' order by s.position)
    from (
      select o.step_id, o.state, count(*) as tasks, max(o.attempt) as attempts from dreamlit._tasks as o where o.run_id = r.run_id group by o.step_id, o.state
    ) as t join dreamlit._steps as s on s.step_id = t.step_id
  ) as doing,
  (select min(t.due_at) from dreamlit._tasks as t where t.run_id = r.run_id and t.due_at > dreamlit._now()) as waits_until,
  r.open_tasks,
  r.done_tasks,
  r.skipped_tasks,
  r.failed_tasks,
  (select jsonb_object_agg(m.state, m.messages) from (
    select m.state, count(*) as messages from dreamlit._messages as m where m.run_id = r.run_id group by m.state) as m) as messages,
  r.last_error,
  r.payload
from dreamlit._runs as r
join dreamlit._workflows as w on w.workflow_id = r.workflow_id
join dreamlit._versions as v on v.version_id = r.version_id
union all
select
  h.run_id, w.name, v.version, h.state, h.operation || coalesce(' of ' || v.trigger_table, ''), h.event_id, h.key, h.occurred_at, h.started_at, h.finished_at,
  null, null, 0, h.done_tasks, h.skipped_tasks, h.failed_tasks,
  (select jsonb_object_agg(m.state, m.messages) from (
    select m.state, count(*) as messages from dreamlit._messages as m where m.run_id = h.run_id group by m.state) as m),
  h.last_error,
  h.payload
from dreamlit._run_history as h
join dreamlit._workflows as w on w.workflow_id = h.workflow_id
join dreamlit._versions as v on v.version_id = h.version_id;
comment on view dreamlit.runs is 'One row a run, open and finished: select * from dreamlit.runs where state = ''failed''.';
comment on column dreamlit.runs.run_id is 'The run''s id; retry_run and cancel_run take it.';
comment on column dreamlit.runs.workflow is 'The workflow''s name.';
comment on column dreamlit.runs.version is 'The version that the run started with and finishes on.';
comment on column dreamlit.runs.state is
  'running, paused (its workflow is), failed (a task failed; other branches may still go on, finished_at tells), done or '
  'cancelled.';
comment on column dreamlit.runs.started_by is 'What started it: insert, update or delete of a table, or call.';
comment on column dreamlit.runs.event_id is 'The event in dreamlit.event_log.';
comment on column dreamlit.runs.key is 'The value of the trigger''s key, of which one run at most is open; null without a key.';
comment on column dreamlit.runs.occurred_at is 'When the change''s transaction began.';
comment on column dreamlit.runs.started_at is 'When the worker took the event.';
comment on column dreamlit.runs.finished_at is 'When the last task ended; null while any is open.';
comment on column dreamlit.runs.doing is 'The open tasks by step and state: nap: waiting. Null when finished.';
comment on column dreamlit.runs.waits_until is 'When the next of its waits or retries is due; null if none is.';
comment on column dreamlit.runs.open_tasks is 'Tasks that have not ended.';
comment on column dreamlit.runs.done_tasks is 'Tasks that were done.';
comment on column dreamlit.runs.skipped_tasks is 'Tasks whose condition was false or null.';
comment on column dreamlit.runs.failed_tasks is 'Tasks that failed for good; retry_run(run_id) resumes them.';
comment on column dreamlit.runs.messages is
  'How many messages are in each state: {"sent": 2, "queued": 1}; null if there is none.';
comment on column dreamlit.runs.last_error is 'The last failure: {"step", "sqlstate" or "code", "message"}.';
comment on column dreamlit.runs.payload is 'What was captured: {"trigger": {...}, "old": {...}}.';

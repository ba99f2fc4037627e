create or replace view dreamlit.event_log as
select r.event_id, w.name as workflow, v.version, r.operation, r.payload, r.key, r.occurred_at, r.started_at as taken_at, r.run_id, null::text as ignored_because
from dreamlit._runs as r join dreamlit._versions as v on v.version_id = r.version_id join dreamlit._workflows as w on w.workflow_id = r.workflow_id
union all
select h.event_id, w.name, v.version, h.operation, h.payload, h.key, h.occurred_at, h.started_at, h.run_id, null
from dreamlit._run_history as h join dreamlit._versions as v on v.version_id = h.version_id join dreamlit._workflows as w on w.workflow_id = h.workflow_id
union all
select i.event_id, w.name, v.version, i.operation, i.payload, i.key, i.occurred_at, i.ignored_at, null, i.reason
from dreamlit._ignored_events as i join dreamlit._versions as v on v.version_id = i.version_id join dreamlit._workflows as w on w.workflow_id = i.workflow_id
union all
select null, w.name, v.version, q.message ->> 'operation', case when jsonb_typeof(e.value) = 'object' then e.value - array['key', 'error'] end, e.value ->> 'key', q.enqueued_at, null, null, null
from pgmq.q_dreamlit_events as q
join dreamlit._versions as v on to_jsonb(v.version_id) = q.message -> 'version'
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
cross join lateral jsonb_array_elements(case when jsonb_typeof(q.message -> 'events') = 'array' then q.message -> 'events' end) as e(value);
comment on view dreamlit.event_log is 'One row an event: waiting in the queue, or taken by a run, or ignored and why.';
comment on column dreamlit.event_log.event_id is 'The event''s id; null while it waits in the queue.';
comment on column dreamlit.event_log.workflow is 'The workflow that captured it.';
comment on column dreamlit.event_log.version is 'The version that captured it.';
comment on column dreamlit.event_log.operation is 'insert, update, delete, or call.';
comment on column dreamlit.event_log.payload is 'What was captured: {"trigger": {...}, "old": {...}}.';
comment on column dreamlit.event_log.key is 'The value of the trigger''s key.';
comment on column dreamlit.event_log.occurred_at is 'When the change''s transaction began.';
comment on column dreamlit.event_log.taken_at is 'When the worker took it; null while it waits.';
comment on column dreamlit.event_log.run_id is 'The run that it started.';
comment on column dreamlit.event_log.ignored_because is 'Why it started none; null otherwise.';

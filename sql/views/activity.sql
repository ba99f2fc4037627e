create or replace view dreamlit.activity as
select
  r.started_at as at, w.name as workflow, r.run_id, 'run'::text as what, 'started'::text as state, null::text as step, null::bigint as task_id,
  null::bigint as message_id, null::text as recipient, null::integer as attempt, null::numeric as seconds,
  r.operation || coalesce(' of ' || v.trigger_table, '') || format(', version %s', v.version) as detail
from dreamlit._runs as r join dreamlit._versions as v on v.version_id = r.version_id join dreamlit._workflows as w on w.workflow_id = r.workflow_id
union all
select h.started_at, w.name, h.run_id, 'run', 'started', null, null, null, null, null, null,
  h.operation || coalesce(' of ' || v.trigger_table, '') || format(', version %s', v.version)
from dreamlit._run_history as h join dreamlit._versions as v on v.version_id = h.version_id join dreamlit._workflows as w on w.workflow_id = h.workflow_id
union all
select h.finished_at, w.name, h.run_id, 'run', h.state, null, null, null, null, null,
  extract(epoch from h.finished_at - h.started_at)::numeric(12, 3), h.last_error ->> 'message'
from dreamlit._run_history as h join dreamlit._workflows as w on w.workflow_id = h.workflow_id
union all
select h.finished_at, w.name, h.run_id, s.kind, h.state, s.name, h.task_id, null, null, h.attempt,
  extract(epoch from h.finished_at - h.started_at)::numeric(12, 3), h.error ->> 'message'
from dreamlit._task_history as h
join dreamlit._steps as s on s.step_id = h.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
union all
select a.failed_at, w.name, a.run_id, s.kind, 'attempt failed', s.name, a.task_id, null, null, a.attempt, null, a.error ->> 'message'
from dreamlit._task_attempts as a
join dreamlit._steps as s on s.step_id = a.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
union all
select m.created_at, w.name, m.run_id, 'message', 'made', s.name, m.task_id, m.message_id, m.recipient, null, null, m.content ->> 'subject'
from dreamlit._messages as m
left join dreamlit._steps as s on s.step_id = m.step_id
left join dreamlit._workflows as w on w.workflow_id = m.workflow_id
union all
select a.finished_at, w.name, m.run_id, 'delivery', a.outcome, s.name, m.task_id, a.message_id, m.recipient, a.attempt,
  extract(epoch from a.finished_at - a.started_at)::numeric(12, 3), concat_ws(' ', a.provider, a.code, a.error)
from dreamlit._attempts as a
left join dreamlit._messages as m on m.message_id = a.message_id and m.created_at = a.message_created_at
left join dreamlit._steps as s on s.step_id = m.step_id
left join dreamlit._workflows as w on w.workflow_id = m.workflow_id
union all
select i.ignored_at, w.name, null, 'event', 'ignored', null, null, null, null, null, null, i.reason
from dreamlit._ignored_events as i join dreamlit._workflows as w on w.workflow_id = i.workflow_id
union all
select l.at, w.name, l.run_id, l.action, 'by ' || l.actor, null, null, l.message_id, null, null, null, l.detail #>> '{}'
from dreamlit._audit_log as l left join dreamlit._workflows as w on w.workflow_id = l.workflow_id;
comment on view dreamlit.activity is
  'The activity log: one row for each thing that happened, in no order. Always give a time (where at > now() - interval ''1 hour'') '
  'or a run: everything else reads the whole history.';
comment on column dreamlit.activity.at is 'When: the time of the transaction that recorded it.';
comment on column dreamlit.activity.workflow is 'The workflow''s name; null for what belongs to none, such as a change of a setting.';
comment on column dreamlit.activity.run_id is 'The run, if it belongs to one.';
comment on column dreamlit.activity.what is
  'run, event, message, delivery, a step''s kind (wait, query, if, email, slack), or what a person did: publish, pause, cancel run …';
comment on column dreamlit.activity.state is
  'What became of it: started, done, skipped, failed, cancelled, attempt failed, made (a message), sent, unknown, ignored, by SOMEBODY.';
comment on column dreamlit.activity.step is 'The step''s id in the definition.';
comment on column dreamlit.activity.task_id is 'The task: a step for one item.';
comment on column dreamlit.activity.message_id is 'The message.';
comment on column dreamlit.activity.recipient is 'Whom the message is for.';
comment on column dreamlit.activity.attempt is 'Of a step: how many attempts have failed. Of a delivery: the claim''s number.';
comment on column dreamlit.activity.seconds is 'How long it took, in seconds: a run or task from its start to its end, a delivery from handing over to its outcome.';
comment on column dreamlit.activity.detail is 'The error, a message''s subject, what started a run, why an event was ignored.';

create or replace view dreamlit.tasks as
select
  t.task_id, t.run_id, w.name as workflow, v.version, s.name as step, s.kind, t.state,
  t.attempt, t.due_at, t.started_at, null::timestamptz as finished_at, t.error, t.item
from dreamlit._tasks as t
join dreamlit._steps as s on s.step_id = t.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
union all
select
  h.task_id, h.run_id, w.name, v.version, s.name, s.kind, h.state,
  h.attempt, null, h.started_at, h.finished_at, h.error, h.item
from dreamlit._task_history as h
join dreamlit._steps as s on s.step_id = h.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = v.workflow_id;
comment on view dreamlit.tasks is 'One row a task, open and finished: one step for one item within a run.';
comment on column dreamlit.tasks.task_id is 'The task''s id.';
comment on column dreamlit.tasks.run_id is 'The run it belongs to.';
comment on column dreamlit.tasks.workflow is 'The workflow''s name.';
comment on column dreamlit.tasks.version is 'The run''s version.';
comment on column dreamlit.tasks.step is
  'The step''s id in the definition; trigger for an event whose condition failed at capture.';
comment on column dreamlit.tasks.kind is 'What the step does: wait, query, if, email, slack, trigger.';
comment on column dreamlit.tasks.state is
  'due, waiting, rendering (with a sender), sending (its messages are out), done, skipped (the condition said no), failed or '
  'cancelled.';
comment on column dreamlit.tasks.attempt is 'How many attempts have failed.';
comment on column dreamlit.tasks.due_at is
  'When the worker takes it; null while its messages are with the senders, and after its end.';
comment on column dreamlit.tasks.started_at is 'When it was opened.';
comment on column dreamlit.tasks.finished_at is 'When it ended; null while open.';
comment on column dreamlit.tasks.error is 'The last failure: {"step", "sqlstate" or "code", "message", "attempt"}.';
comment on column dreamlit.tasks.item is 'What the query steps above added; kept after the end for failed tasks only.';

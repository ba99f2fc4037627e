create table if not exists dreamlit._tasks (
  task_id bigint generated always as identity primary key,
  run_id bigint not null,
  step_id bigint not null,
  item jsonb,
  state text not null,
  due_at timestamptz,
  attempt integer not null default 0,
  open_messages integer not null default 0,
  failed_messages integer not null default 0,
  error jsonb,
  started_at timestamptz not null,
  constraint _tasks_state_check check (state in ('due', 'waiting', 'rendering', 'sending'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create index if not exists _tasks_step_id_due_at_idx on dreamlit._tasks (step_id, due_at, task_id) where due_at is not null;
create index if not exists _tasks_run_id_idx on dreamlit._tasks (run_id);
comment on table dreamlit._tasks is 'Open tasks only; a finished one moves to _task_history.';
comment on column dreamlit._tasks.item is
  'What the query steps above added: {"<step>": row or list}; null where there was none. The trigger''s part stands once, in '
  '_runs.payload.';
comment on column dreamlit._tasks.due_at is 'When the worker takes it next; null while its messages are with the senders.';

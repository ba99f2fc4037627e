create table if not exists dreamlit._task_history (
  task_id bigint not null,
  run_id bigint not null,
  step_id bigint not null,
  item jsonb,
  state text not null,
  attempt integer not null,
  error jsonb,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  constraint _task_history_state_check check (state in ('done', 'skipped', 'failed', 'cancelled'))
) partition by range (finished_at);
create index if not exists _task_history_run_id_idx on dreamlit._task_history (run_id);
create index if not exists _task_history_finished_at_idx on dreamlit._task_history using brin (finished_at) with (pages_per_range = 16);
comment on table dreamlit._task_history is 'Finished tasks, a partition a day of finished_at.';
comment on column dreamlit._task_history.item is 'Kept for failed tasks only, so that retry_run can resume them.';

create table if not exists dreamlit._task_attempts (
  task_id bigint not null,
  run_id bigint not null,
  step_id bigint not null,
  attempt integer not null,
  error jsonb not null,
  failed_at timestamptz not null
) partition by range (failed_at);
create index if not exists _task_attempts_run_id_idx on dreamlit._task_attempts (run_id);
create index if not exists _task_attempts_failed_at_idx on dreamlit._task_attempts using brin (failed_at) with (pages_per_range = 16);
comment on table dreamlit._task_attempts is 'Failed attempts of steps, append-only, a partition a day of failed_at.';

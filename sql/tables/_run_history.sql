create table if not exists dreamlit._run_history (
  run_id bigint not null,
  event_id bigint not null,
  workflow_id bigint not null,
  version_id bigint not null,
  key text,
  operation text not null,
  payload jsonb not null,
  occurred_at timestamptz not null,
  started_at timestamptz not null,
  done_tasks integer not null,
  skipped_tasks integer not null,
  failed_tasks integer not null,
  last_error jsonb,
  state text not null,
  finished_at timestamptz not null,
  constraint _run_history_state_check check (state in ('done', 'failed', 'cancelled'))
) partition by range (finished_at);
create index if not exists _run_history_run_id_idx on dreamlit._run_history (run_id);
create index if not exists _run_history_finished_at_idx on dreamlit._run_history using brin (finished_at) with (pages_per_range = 16);
create index if not exists _run_history_version_id_idx on dreamlit._run_history (version_id, finished_at) where state = 'failed';
comment on table dreamlit._run_history is 'Finished runs, a partition a day of finished_at.';

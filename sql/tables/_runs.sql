create table if not exists dreamlit._runs (
  run_id bigint generated always as identity primary key,
  event_id bigint not null,
  workflow_id bigint not null,
  version_id bigint not null,
  key text,
  operation text not null,
  payload jsonb not null,
  occurred_at timestamptz not null,
  started_at timestamptz not null,
  open_tasks integer not null,
  done_tasks integer not null default 0,
  skipped_tasks integer not null default 0,
  failed_tasks integer not null default 0,
  cancelling boolean not null default false,
  last_error jsonb
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create unique index if not exists _runs_key_idx on dreamlit._runs (workflow_id, key) where key is not null;
create index if not exists _runs_version_id_idx on dreamlit._runs (version_id);
create index if not exists _runs_started_at_idx on dreamlit._runs using brin (started_at) with (pages_per_range = 16);
create sequence if not exists dreamlit._event_id_seq;
comment on table dreamlit._runs is 'Open runs: those with open tasks. The last task''s end moves the row to _run_history.';
comment on column dreamlit._runs.payload is
  '{"trigger": {...}, "old": {...} or null}: the captured columns under their names as of publishing.';
comment on column dreamlit._runs.cancelling is
  'Set by cancel_run: whoever next touches the run''s tasks closes them as cancelled.';

create table if not exists dreamlit._failures (
  workflow_id bigint not null,
  step_id bigint not null,
  run_id bigint not null,
  failed integer not null,
  error jsonb not null,
  failed_at timestamptz not null
);
comment on table dreamlit._failures is
  'Tasks that have just failed for good, a row a batch, until the chore alert counts them: appended only, so that no two failures '
  'wait for each other.';

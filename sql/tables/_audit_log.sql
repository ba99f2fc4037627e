create table if not exists dreamlit._audit_log (
  at timestamptz not null,
  actor name not null,
  action text not null,
  workflow_id bigint,
  run_id bigint,
  message_id bigint,
  detail jsonb
) partition by range (at);
create index if not exists _audit_log_run_id_idx on dreamlit._audit_log (run_id) where run_id is not null;
create index if not exists _audit_log_at_idx on dreamlit._audit_log using brin (at) with (pages_per_range = 16);
comment on table dreamlit._audit_log is 'What people did: who, when, to which workflow, run or message; a partition a day. No addresses, no payloads.';

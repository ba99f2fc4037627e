create table if not exists dreamlit._ignored_events (
  event_id bigint not null,
  workflow_id bigint not null,
  version_id bigint not null,
  operation text not null,
  payload jsonb not null,
  key text,
  occurred_at timestamptz not null,
  reason text not null,
  ignored_at timestamptz not null
) partition by range (ignored_at);
comment on table dreamlit._ignored_events is 'Events that started no run, and why; a partition a day of ignored_at.';

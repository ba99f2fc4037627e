create table if not exists dreamlit._attempts (
  message_id bigint not null,
  attempt integer not null,
  sender text not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  outcome text not null,
  fault text,
  code text,
  error text,
  provider text,
  provider_id text,
  message_created_at timestamptz,
  constraint _attempts_outcome_check check (outcome in ('sent', 'failed', 'unknown'))
) partition by range (finished_at);
create index if not exists _attempts_message_id_idx on dreamlit._attempts (message_id);
create index if not exists _attempts_finished_at_idx on dreamlit._attempts using brin (finished_at) with (pages_per_range = 16);
comment on table dreamlit._attempts is
  'Finished attempts, append-only, a partition a day of finished_at. A running attempt is the mark on the message''s outbox '
  'row. message_created_at tells the message''s partition; null where a release before 0.2.0 wrote it.';

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
  constraint _attempts_outcome_check check (outcome in ('sent', 'failed', 'unknown'))
) partition by range (finished_at);
create index if not exists _attempts_message_id_idx on dreamlit._attempts (message_id);
comment on table dreamlit._attempts is
  'Finished attempts, append-only, a partition a day of finished_at. A running attempt is the mark on the message''s outbox '
  'row.';

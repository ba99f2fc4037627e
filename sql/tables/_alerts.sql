create table if not exists dreamlit._alerts (
  alert_id bigint generated always as identity primary key,
  kind text not null,
  subject text not null,
  count bigint not null,
  detail jsonb not null,
  opened_at timestamptz not null,
  last_seen_at timestamptz not null,
  told_at timestamptz,
  closed_at timestamptz,
  constraint _alerts_kind_check check (kind in ('failed', 'channel', 'worker', 'sender', 'queue', 'uncertain'))
);
create unique index if not exists _alerts_open_idx on dreamlit._alerts (kind, subject) where closed_at is null;
comment on table dreamlit._alerts is
  'Troubles that the owner has to know of. One is told once while it is open, however often it happens; it closes when it has been '
  'quiet for the setting alert_quiet.';

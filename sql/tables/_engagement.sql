create table if not exists dreamlit._engagement (
  recorded_at timestamptz not null,
  at timestamptz not null,
  provider text not null,
  event_id text not null,
  kind text not null,
  message_id bigint,
  message_created_at timestamptz,
  workflow_id bigint,
  step_id bigint,
  channel text,
  topic text,
  provider_id text,
  recipient text,
  bounce text,
  machine boolean not null,
  url text,
  user_agent text,
  raw jsonb,
  constraint _engagement_kind_check
    check (kind in ('delivered', 'deferred', 'bounced', 'complained', 'opened', 'clicked', 'unsubscribed')),
  constraint _engagement_bounce_check check (bounce in ('hard', 'soft'))
) partition by range (recorded_at);
create index if not exists _engagement_message_id_idx on dreamlit._engagement (message_id) where message_id is not null;
create index if not exists _engagement_soft_idx on dreamlit._engagement (recipient) where bounce = 'soft';
create index if not exists _engagement_recorded_at_idx
  on dreamlit._engagement using brin (recorded_at) with (pages_per_range = 16);
comment on table dreamlit._engagement is
  'What happened to messages afterwards, append-only, a partition a day of recorded_at: an event''s own time may be any, so it '
  'finds no partition. recipient is a bare address in lower case; null once the person was erased.';

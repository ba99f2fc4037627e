create sequence if not exists dreamlit._message_id_seq;
create table if not exists dreamlit._messages (
  message_id bigint not null default nextval('dreamlit._message_id_seq'),
  created_at timestamptz not null,
  workflow_id bigint,
  step_id bigint,
  run_id bigint,
  task_id bigint,
  channel text not null,
  lane text not null,
  recipient text,
  content jsonb not null,
  state text not null,
  attempts integer not null default 0,
  error jsonb,
  provider text,
  provider_id text,
  settled_at timestamptz,
  doubt jsonb,
  constraint _messages_pkey primary key (message_id, created_at),
  constraint _messages_channel_check check (channel in ('email', 'slack')),
  constraint _messages_lane_check check (lane in ('alert', 'urgent', 'bulk')),
  constraint _messages_state_check
    check (state in ('queued', 'sent', 'failed', 'uncertain', 'cancelled', 'held', 'discarded', 'suppressed'))
) partition by range (created_at);
create index if not exists _messages_run_id_idx on dreamlit._messages (run_id);
create index if not exists _messages_created_at_idx on dreamlit._messages using brin (created_at) with (pages_per_range = 16);
comment on table dreamlit._messages is
  'Messages with their rendered content, a partition a day of created_at. A queued one also has a row with the same id in its '
  'outbox queue. One without a run is an alert of the engine''s own. doubt is {"provider", "since"} where an attempt left a doubt: '
  'the provider may have taken it.';

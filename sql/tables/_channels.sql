create table if not exists dreamlit._channels (
  channel text primary key,
  blocked_until timestamptz not null default '-infinity',
  reason jsonb,
  failures integer not null default 0
);
insert into dreamlit._channels (channel) values ('email'), ('slack'), ('render') on conflict do nothing;
comment on table dreamlit._channels is
  'One row a channel: nothing is claimed from it before blocked_until, which a provider''s Retry-After or a configuration fault '
  'sets.';

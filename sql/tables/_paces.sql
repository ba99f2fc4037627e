create table if not exists dreamlit._paces (
  place bigint not null,
  queue text not null,
  next_at timestamptz not null,
  tail_at timestamptz not null,
  constraint _paces_pkey primary key (place, queue)
) with (fillfactor = 70);
comment on table dreamlit._paces is
  'Slack channels and people that were posted to lately, by a hash of their name and the queue: when the next message may be handed '
  'out, and when the last of those that wait is due.';

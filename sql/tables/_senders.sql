create table if not exists dreamlit._senders (
  sender text primary key,
  channels text[] not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  release text
) with (fillfactor = 50);
comment on table dreamlit._senders is
  'Senders that have claimed or ticked, with when they were last seen (to about five seconds).';

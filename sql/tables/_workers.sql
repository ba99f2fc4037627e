create table if not exists dreamlit._workers (
  worker text primary key,
  started_at timestamptz not null,
  last_tick_at timestamptz not null,
  last_error jsonb,
  last_error_at timestamptz
) with (fillfactor = 50);
comment on table dreamlit._workers is
  'Workers with their last tick (to about a second): the procedure dreamlit.work, or a sender that ticks.';

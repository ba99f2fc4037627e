create table if not exists dreamlit._buckets (
  name text primary key,
  per_second numeric not null,
  burst integer not null,
  tokens numeric not null,
  refilled_at timestamptz not null,
  constraint _buckets_per_second_check check (per_second > 0),
  constraint _buckets_burst_check check (burst > 0)
) with (fillfactor = 50);
comment on table dreamlit._buckets is
  'Token buckets of channels and providers with a rate; a claim takes a token for each message that it hands out. No row: no limit.';
comment on column dreamlit._buckets.tokens is 'What was left at refilled_at; per_second come in since then, up to burst.';

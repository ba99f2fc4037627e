create or replace view dreamlit.rates as
select b.name as bucket, b.per_second, b.burst,
  least(b.burst, round(b.tokens + b.per_second * greatest(extract(epoch from dreamlit._now() - b.refilled_at), 0)::numeric, 6)) as tokens
from dreamlit._buckets as b;
comment on view dreamlit.rates is 'One row a rate that dreamlit.set_rate has set; a channel or provider without a row has no limit.';
comment on column dreamlit.rates.bucket is 'The channel or the provider that it is for.';
comment on column dreamlit.rates.per_second is 'How many messages a second all senders together may take.';
comment on column dreamlit.rates.burst is 'How many of them may be taken at once after a pause.';
comment on column dreamlit.rates.tokens is 'How many may be taken at this moment.';

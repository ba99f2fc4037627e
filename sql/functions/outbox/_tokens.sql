create or replace function dreamlit._tokens(p_bucket dreamlit._buckets) returns numeric
language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(p_bucket.burst, round(
    p_bucket.tokens + p_bucket.per_second * greatest(extract(epoch from dreamlit._now() - p_bucket.refilled_at), 0)::numeric, 6));
$$;
comment on function dreamlit._tokens(dreamlit._buckets) is 'Returns how many tokens a bucket holds at this moment.';

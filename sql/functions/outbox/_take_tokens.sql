create or replace function dreamlit._take_tokens(p_buckets dreamlit._buckets[], p_count integer) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update dreamlit._buckets as b set tokens = dreamlit._tokens(b) - p_count, refilled_at = dreamlit._now()
  from unnest(p_buckets) as o where b.name = o.name and p_count > 0;
$$;
comment on function dreamlit._take_tokens(dreamlit._buckets[], integer) is 'Takes that many tokens out of each bucket, which the caller has locked.';

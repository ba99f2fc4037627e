create or replace function dreamlit._mark(p_moment timestamptz) returns bigint
language sql stable parallel safe as $$
  select (extract(epoch from p_moment) * 1000000)::bigint;
$$;
comment on function dreamlit._mark(timestamptz) is 'Returns the low mark of a time: microseconds of the epoch. Not pinned, so that PostgreSQL inlines it.';

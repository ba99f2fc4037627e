create or replace function dreamlit._moment(p_mark bigint) returns timestamptz
language sql stable parallel safe as $$
  select coalesce(pg_catalog.to_timestamp(p_mark::double precision / 1000000), '-infinity'::pg_catalog.timestamptz);
$$;
comment on function dreamlit._moment(bigint) is 'Returns the time of a low mark; -infinity for none. Not pinned, so that PostgreSQL inlines it.';

create or replace function dreamlit._moment(p_mark bigint) returns timestamptz
language sql immutable parallel safe as $$
  select coalesce(pg_catalog.to_timestamp(p_mark::double precision operator(pg_catalog./) 1000000), '-infinity'::timestamptz);
$$;
comment on function dreamlit._moment(bigint) is 'Returns the time of a low mark; -infinity for none.';

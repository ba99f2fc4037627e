create or replace function dreamlit._moment(p_mark bigint) returns timestamptz
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select coalesce(to_timestamp(p_mark::double precision / 1000000), '-infinity'::timestamptz);
$$;
comment on function dreamlit._moment(bigint) is 'Returns the time of a low mark; -infinity for none.';

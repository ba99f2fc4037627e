create or replace function dreamlit._now() returns timestamptz
language sql stable parallel safe as $$
  select pg_catalog.now();
$$;
comment on function dreamlit._now() is
  'Returns the transaction''s time. Everything here asks this and no other clock; tests replace it. Not pinned, so that '
  'PostgreSQL inlines it.';
grant execute on function dreamlit._now() to dreamlit_admin, dreamlit_reader;

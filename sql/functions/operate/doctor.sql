-- Not a definer: pg_cron's tables show each role its own jobs only.
create or replace function dreamlit.doctor() returns table (name text, state text, detail text, mend text)
language sql set search_path = pg_catalog, pg_temp as $$
  select * from dreamlit._examine_engine()
  union all
  select * from dreamlit._examine_cron();
$$;
comment on function dreamlit.doctor() is
  'Checks everything that can be wrong with the installation and returns a row a check: name, state (ok, warning, critical), '
  'detail, and the mend where something is wrong. Calls the compiled functions with no items; changes nothing.';
grant execute on function dreamlit.doctor() to dreamlit_admin;

create or replace function dreamlit.version() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select r.release from dreamlit._releases as r order by r.installed_at desc, r.release desc limit 1;
$$;
comment on function dreamlit.version() is 'Returns the release of dreamlit-pg that is installed here.';
grant execute on function dreamlit.version() to dreamlit_admin, dreamlit_sender, dreamlit_reader;

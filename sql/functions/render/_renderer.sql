create or replace function dreamlit._renderer() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._setting('renderer') #>> '{}';
$$;
comment on function dreamlit._renderer() is 'Returns who renders templates in this installation: database or sender.';
grant execute on function dreamlit._renderer() to dreamlit_admin;

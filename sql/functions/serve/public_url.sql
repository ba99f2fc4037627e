create or replace function dreamlit.public_url() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select rtrim(dreamlit._setting('public_url') #>> '{}', '/');
$$;
comment on function dreamlit.public_url() is
  'Returns the address under which dreamlit serve is reached, the setting public_url, without its last slash; null if it is not set.';
grant execute on function dreamlit.public_url() to dreamlit_admin, dreamlit_sender, dreamlit_reader;

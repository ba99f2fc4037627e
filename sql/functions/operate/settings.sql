create or replace function dreamlit.settings() returns table (name text, value jsonb, meaning text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select d.name, dreamlit._setting(d.name), d.meaning from dreamlit._setting_defaults() as d order by d.name;
$$;
comment on function dreamlit.settings() is
  'Returns every setting with its value and its meaning; dreamlit.set_setting(name, value) changes one.';
grant execute on function dreamlit.settings() to dreamlit_admin, dreamlit_reader;

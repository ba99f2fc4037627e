create or replace function dreamlit._kept_for(p_setting text) returns interval
language sql stable set search_path = pg_catalog, pg_temp as $$
  select (coalesce(nullif(dreamlit._setting(p_setting), 'null'), dreamlit._setting('keep_history')) #>> '{}')::interval;
$$;
comment on function dreamlit._kept_for(text) is 'Returns how long a kind of history is kept: its own setting, or keep_history.';

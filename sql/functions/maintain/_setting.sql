-- PL/pgSQL keeps its plan for the session, a function in SQL makes one at each call.
create or replace function dreamlit._setting(p_name text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(
    (select s.value from dreamlit._settings as s where s.name = p_name),
    (select d.value from dreamlit._setting_defaults() as d where d.name = p_name));
end;
$$;
comment on function dreamlit._setting(text) is 'Returns a setting''s value or its default; null for an unknown name.';

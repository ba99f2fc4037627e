-- A scope is a list of {"alias", "key", "type", "list"}: the names that a step's SQL may use, and where in the item each stands.
create or replace function dreamlit._scope_sql(p_scope jsonb, p_item text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(string_agg(case
    when (s.value ->> 'list')::boolean then format(
      'cross join lateral (select coalesce(pg_catalog.array_agg(dreamlit_list), ''{}'') as items '
      'from pg_catalog.jsonb_populate_recordset(null::%1$s, nullif(%2$s -> %3$L, ''null'')) as dreamlit_list) as %4$I',
      s.value ->> 'type', p_item, s.value ->> 'key', s.value ->> 'alias')
    else format(
      'cross join lateral pg_catalog.jsonb_populate_record(null::%1$s, nullif(%2$s -> %3$L, ''null'')) as %4$I',
      s.value ->> 'type', p_item, s.value ->> 'key', s.value ->> 'alias')
    end, E'\n  ' order by s.ordinality), '')
  from jsonb_array_elements(p_scope) with ordinality as s(value, ordinality);
$$;
comment on function dreamlit._scope_sql(jsonb, text) is
  'Returns the lateral joins that put a scope''s rows, read from the jsonb expression p_item, under their aliases.';
grant execute on function dreamlit._scope_sql(jsonb, text) to dreamlit_admin;

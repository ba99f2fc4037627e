create or replace function dreamlit._list_uses(p_definition jsonb, p_references jsonb)
returns table (place text, alias text, column_name text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with texts as (
    select 'trigger.' || t.key as place, t.value #>> '{}' as sql
    from jsonb_each(p_definition -> 'trigger') as t
    where t.key in ('when', 'key')
    union all
    select s.place || '.' || k.key, s.step #>> string_to_array(k.key, '.')
    from dreamlit._list_steps(p_definition) as s cross join unnest(array['if', 'query', 'wait.until']) as k(key)
  )
  select t.place, r.alias, r.column_name
  from texts as t cross join lateral dreamlit._sql_references(t.sql) as r
  where t.sql is not null
  union
  select p.key || '.' || (r.value ->> 'field'), r.value #>> '{path,0}', r.value #>> '{path,1}'
  from jsonb_each(p_references) as p cross join lateral jsonb_array_elements(p.value) as r(value)
  where r.value ? 'path';
$$;
comment on function dreamlit._list_uses(jsonb, jsonb) is
  'Returns every name that the SQL and the templates of a definition read: its place, the alias, and the column (null: the '
  'whole row).';
grant execute on function dreamlit._list_uses(jsonb, jsonb) to dreamlit_admin;

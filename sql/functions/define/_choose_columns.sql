-- Capture only what the workflow reads: the columns it names, all of them where it reads the row whole, and the primary key.
create or replace function dreamlit._choose_columns(p_columns jsonb, p_uses jsonb, p_aliases text[], p_always text[])
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with uses as (
    select u.value ->> 'column' as column_name
    from jsonb_array_elements(p_uses) as u
    where u.value ->> 'alias' = any (p_aliases)
  )
  select coalesce(jsonb_agg(c.value order by c.ordinality), '[]')
  from jsonb_array_elements(p_columns) with ordinality as c(value, ordinality)
  where c.value ->> 'name' = any (p_always)
     or exists (select from uses as u where u.column_name is null or u.column_name = c.value ->> 'name');
$$;
comment on function dreamlit._choose_columns(jsonb, jsonb, text[], text[]) is
  'Returns those of p_columns ({"name", "type"}) that the uses read under the aliases, and those always wanted.';
grant execute on function dreamlit._choose_columns(jsonb, jsonb, text[], text[]) to dreamlit_admin;

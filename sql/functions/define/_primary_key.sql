create or replace function dreamlit._primary_key(p_table regclass) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(a.attname::text order by a.attnum), '{}')
  from pg_index as i
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
  where i.indrelid = p_table and i.indisprimary;
$$;
comment on function dreamlit._primary_key(regclass) is
  'Returns the names of a table''s primary key columns; empty if it has none.';
grant execute on function dreamlit._primary_key(regclass) to dreamlit_admin;

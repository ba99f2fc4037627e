create or replace function dreamlit._names_sql(p_anchor text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format($sql$(
    select coalesce(array_agg(a.attname order by a.attnum), '{}')
    from pg_catalog.pg_depend as d
    join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = '%s()'::regprocedure
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0)$sql$, replace(p_anchor, '''', ''''''));
$$;
comment on function dreamlit._names_sql(text) is
  'Returns the expression for today''s names of the columns that an anchor function pins, in the table''s order.';
grant execute on function dreamlit._names_sql(text) to dreamlit_admin;

create or replace function dreamlit._plain_sql(p_table regclass, p_keys text[], p_numbers integer[]) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format($sql$(select coalesce(pg_catalog.jsonb_object_agg(c.key, dreamlit_row.value -> a.attname::text), '{}')
    from unnest(%L::text[], %L::smallint[]) as c(key, number)
    join pg_catalog.pg_attribute as a on a.attrelid = %s and a.attnum = c.number and not a.attisdropped)$sql$, p_keys, p_numbers, p_table::oid);
$$;
comment on function dreamlit._plain_sql(regclass, text[], integer[]) is
  'Returns the expression for the captured columns that are still there, under their keys, of dreamlit_row.value, a row as jsonb.';
grant execute on function dreamlit._plain_sql(regclass, text[], integer[]) to dreamlit_admin;

-- A column keeps its number in its table, but a restored dump may number columns anew: then, and for a partition, the anchor's
-- dependencies tell the columns. Numbers come first: the catalog's cache answers at once, and knows more than an old snapshot does.
create or replace function dreamlit._names_sql(p_anchor text, p_table regclass, p_numbers integer[]) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$if tg_relid = %1$s then
    v_names := array[%2$s]::text[];
  else
    v_names := array(
      select a.attname::text
      from pg_catalog.pg_depend as d
      join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = pg_catalog.to_regprocedure(%3$L)
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0 order by a.attnum);
  end if;$sql$,
    p_table::oid, (
      select string_agg(format('(pg_catalog.pg_identify_object_as_address(1259, %s, %s)).object_names[3]', p_table::oid, c.number), ', ' order by c.n)
      from unnest(p_numbers) with ordinality as c(number, n)), p_anchor || '()');
$$;
comment on function dreamlit._names_sql(text, regclass, integer[]) is
  'Returns the statement that sets v_names to today''s names of the columns that an anchor function pins, in the table''s order. A '
  'dropped one has a name that no column bears.';
grant execute on function dreamlit._names_sql(text, regclass, integer[]) to dreamlit_admin;

-- Far cheaper than reading the catalog's tables, which _names_sql does at every statement of a user. A column keeps its number
-- in its table, but a restored dump may number columns anew: so the table's oid is part of the question.
create or replace function dreamlit._same_names_sql(p_anchor text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when count(*) = 0 then 'true' else format('case when tg_relid = %s then %s else false end', min(a.attrelid::bigint),
    string_agg(format('(pg_catalog.pg_identify_object_as_address(1259, tg_relid, %s)).object_names[3] = %L', a.attnum, a.attname),
      ' and ' order by a.attnum)) end
  from pg_depend as d
  join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.classid = 'pg_proc'::regclass and d.objid = to_regprocedure(p_anchor || '()')
    and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0;
$$;
comment on function dreamlit._same_names_sql(text) is
  'Returns the expression that is true while the columns that an anchor function pins are called as they are now; false says nothing.';
grant execute on function dreamlit._same_names_sql(text) to dreamlit_admin;

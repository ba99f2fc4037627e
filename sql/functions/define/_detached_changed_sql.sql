-- What the trigger's own WHEN asks, while it may pin no column.
create or replace function dreamlit._detached_changed_sql(p_table regclass, p_function text, p_columns jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when p_columns is null then '''select true''' else format(
    '''select '' || coalesce((select string_agg(format(''($1).%%1$I::text is distinct from ($2).%%1$I::text'', a.attname), '' or '') '
    'from pg_attribute as a where a.attrelid = %s and a.attnum = any (%L::smallint[]) and not a.attisdropped), ''true'')',
    p_table::oid, array(
      select d.refobjsubid from pg_trigger as t
      join pg_depend as d on d.classid = 'pg_trigger'::regclass and d.objid = t.oid
      where t.tgrelid = p_table and t.tgfoid = to_regprocedure(p_function || '()') and d.refclassid = 'pg_class'::regclass and d.refobjid = p_table and d.refobjsubid > 0)) end;
$$;
comment on function dreamlit._detached_changed_sql(regclass, text, jsonb) is
  'Returns the expression for the query that compares old ($1) with new ($2) in the columns that an update trigger asks about.';

-- The anchor's stored body shows each column twice: under its key and as it is called today.
create or replace function dreamlit._anchor_columns(p_anchor text) returns table (key text, column_number smallint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with pairs as (
    select replace(case m[1] when 'E' then replace(m[2], '\\', '\') else m[2] end, '''''', '''') as key,
      case when m[3] like '"%' then replace(substr(m[3], 2, length(m[3]) - 2), '""', '"') else m[3] end as column_name
    from regexp_matches(pg_get_function_sqlbody(to_regprocedure(p_anchor || '()')),
      '(E?)''((?:[^'']|'''')*)''(?:::\w+)?, dreamlit_table\.("(?:[^"]|"")+"|\w+)', 'g') as m
  )
  select p.key, a.attnum
  from pairs as p
  join pg_attribute as a on a.attname = p.column_name
  join pg_depend as d on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
  where d.classid = 'pg_proc'::regclass and d.objid = to_regprocedure(p_anchor || '()') and d.refclassid = 'pg_class'::regclass
  order by a.attnum;
$$;
comment on function dreamlit._anchor_columns(text) is
  'Returns the captured columns of a version as its anchor function pins them: their keys and their numbers in the table, in the table''s order.';

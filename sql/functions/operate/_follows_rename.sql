create or replace function dreamlit._follows_rename(p_workflow text, p_version integer) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce((
    select array_agg(a.attname::text order by a.attname) <> array(
      select n.attname::text from pg_attribute as n
      where n.attrelid in (
          to_regclass(dreamlit._object_name(p_workflow, p_version, 'trigger')), to_regclass(dreamlit._object_name(p_workflow, p_version, 'old')))
        and n.attnum > 0
      group by n.attname order by n.attname::text collate "C")
    from (
      select a.attname::text collate "C" as attname
      from pg_depend as d join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_proc'::regclass and d.objid = to_regprocedure(dreamlit._object_name(p_workflow, p_version, 'columns') || '()')
        and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
    ) as a
  ), false);
$$;
comment on function dreamlit._follows_rename(text, integer) is
  'Returns whether captured columns bear other names today than at publishing (names that were only swapped do not show).';

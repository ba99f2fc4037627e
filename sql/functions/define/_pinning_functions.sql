create or replace function dreamlit._pinning_functions(p_version_id bigint, p_table regclass) returns table (oid oid, part_name text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select f.oid, f.part_name
  from dreamlit._compiled_functions(p_version_id) as f join pg_proc as p on p.oid = f.oid
  where p.prosqlbody is not null and (p_table is null or exists (
    select from pg_depend as d
    where d.classid = 'pg_proc'::regclass and d.objid = f.oid and (
      d.refclassid = 'pg_class'::regclass and d.refobjid in (select r.oid from dreamlit._relations_over(p_table) as r)
      or d.refclassid = 'pg_type'::regclass and d.refobjid in (
        select t.oid from dreamlit._relations_over(p_table) as r join pg_class as c on c.oid = r.oid
        join pg_type as t on t.oid = c.reltype or t.typelem = c.reltype and c.reltype <> 0))));
$$;
comment on function dreamlit._pinning_functions(bigint, regclass) is
  'Returns the compiled functions of a version that depend on a table, or on a view over it; for null all that could depend on anything.';

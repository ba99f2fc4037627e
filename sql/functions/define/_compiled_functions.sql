create or replace function dreamlit._compiled_functions(p_version_id bigint) returns table (oid oid, place text, part_name text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.oid, c.place, p.proname::text
  from dreamlit._compiled_parts(p_version_id) as c
  join pg_proc as p on p.pronamespace = 'dreamlit_workflows'::regnamespace and format('dreamlit_workflows.%I', p.proname) = c.object_name
  where c.kind = 'function';
$$;
comment on function dreamlit._compiled_functions(bigint) is
  'Returns the compiled functions that a version has, with their places in the definition.';

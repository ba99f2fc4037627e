create or replace function dreamlit._drop_compiled(p_workflow text, p_version integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_parts constant text[] := array['trigger', 'old', 'when', 'when_items', 'key', 'key_items', 'event', 'columns', 'payload'] || array(
    select s.name || u.suffix
    from dreamlit._steps as s join dreamlit._versions as v using (version_id) join dreamlit._workflows as w using (workflow_id)
    cross join unnest(array['', '_if', '_query', '_until']) as u(suffix)
    where w.name = p_workflow and v.version = p_version);
  v_names constant text[] := array(select dreamlit._object_name(p_workflow, p_version, p.part) from unnest(v_parts) as p(part));
  v_sql text;
begin
  for v_sql in
    select format('drop function %s', p.oid::regprocedure)
    from pg_proc as p
    where p.pronamespace = 'dreamlit_workflows'::regnamespace and format('dreamlit_workflows.%I', p.proname) = any (v_names)
    order by p.proname like '%event' desc
  loop
    execute v_sql;
  end loop;
  for v_sql in
    select format('drop type dreamlit_workflows.%I', t.typname)
    from pg_type as t
    where t.typnamespace = 'dreamlit_workflows'::regnamespace and t.typtype = 'c' and format('dreamlit_workflows.%I', t.typname) = any (v_names)
  loop
    execute v_sql;
  end loop;
end;
$$;
comment on function dreamlit._drop_compiled(text, integer) is 'Drops the compiled functions and types of one version.';

create or replace function dreamlit.compiled_objects() returns table (workflow text, version integer, state text, place text, object text, reads jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with versions as (
    select v.version_id, s.workflow, s.version, s.state, v.operations
    from dreamlit.versions as s
    join dreamlit._workflows as w on w.name = s.workflow
    join dreamlit._versions as v on v.workflow_id = w.workflow_id and v.version = s.version
    where s.state <> 'retired'
  )
  select v.workflow, v.version, v.state, f.place, format('dreamlit_workflows.%I', f.part_name), coalesce((
      select jsonb_object_agg(r.key, r.name)
      from pg_depend as d
      join pg_class as c on c.oid = d.refobjid
      join pg_namespace as n on n.oid = c.relnamespace
      left join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and d.refobjsubid > 0
      cross join lateral (
        values (c.oid::text, format('%I.%I', n.nspname, c.relname)), (format('%s.%s', c.oid, a.attnum), a.attname)
      ) as r(key, name)
      where d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
        and n.nspname <> 'dreamlit_workflows' and r.name is not null), '{}')
  from versions as v cross join lateral dreamlit._compiled_functions(v.version_id) as f
  union all
  select v.workflow, v.version, v.state, p.place, p.object_name, '{}'
  from versions as v cross join lateral dreamlit._compiled_parts(v.version_id) as p
  where p.kind = 'type' and to_regtype(p.object_name) is not null
  union all
  select v.workflow, v.version, v.state, 'trigger', quote_ident(t.tgname), jsonb_build_object(t.tgrelid::text, format('%I.%I', n.nspname, c.relname))
  from versions as v
  cross join lateral unnest(v.operations) as o(operation)
  join pg_trigger as t on t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(v.workflow, o.operation) || '()') and t.tgparentid = 0
  join pg_class as c on c.oid = t.tgrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where v.state = 'published';
$$;
comment on function dreamlit.compiled_objects() is
  'Returns every function, type and trigger that publishing has made, with the workflow, the version, its state and the place in the '
  'definition that it was made from: what stands behind a name in PostgreSQL''s "cannot drop … depends on it". reads holds the '
  'tables and views that it depends on, as they are called now, by their oids, and their columns by oid and number.';
grant execute on function dreamlit.compiled_objects() to dreamlit_admin;

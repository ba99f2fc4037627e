-- The one list of what publishing compiles for a version; only some of it exists for any one version.
create or replace function dreamlit._compiled_parts(p_version_id bigint) returns table (place text, kind text, object_name text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.place, p.kind, dreamlit._object_name(w.name, v.version, p.part)
  from dreamlit._versions as v
  join dreamlit._workflows as w on w.workflow_id = v.workflow_id
  cross join lateral (
    values
      ('trigger', 'type', 'trigger'), ('trigger', 'type', 'old'), ('trigger', 'function', 'columns'), ('trigger', 'function', 'event'),
      ('trigger', 'function', 'payload'), ('trigger.when', 'function', 'when'), ('trigger.when', 'function', 'when_items'),
      ('trigger.key', 'function', 'key'), ('trigger.key', 'function', 'key_items')
    union all
    select format('steps[%s]%s', s.name, u.place), u.kind, s.name || u.suffix
    from dreamlit._steps as s
    cross join (values
      ('.query', 'type', ''), ('.query', 'function', '_query'), ('.if', 'function', '_if'), ('.wait.until', 'function', '_until')
    ) as u(place, kind, suffix)
    where s.version_id = p_version_id and s.position > 0
  ) as p(place, kind, part)
  where v.version_id = p_version_id;
$$;
comment on function dreamlit._compiled_parts(bigint) is
  'Returns the name of each function and type that a version may have in dreamlit_workflows, with its place in the definition.';

create or replace function dreamlit._step_scopes(p_workflow text, p_version dreamlit._versions)
returns table (step_id bigint, name text, kind text, queries jsonb)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive scopes as (
    select s.step_id, s.name, s.kind, s.settings, '{}'::jsonb as queries
    from dreamlit._steps as s where s.version_id = p_version.version_id and s.position = 0
    union all
    select s.step_id, s.name, s.kind, s.settings, a.queries || case when a.kind = 'query' then jsonb_build_object(a.name, jsonb_build_object(
      'shape', case a.settings -> 'collect' when 'true' then 'array' else 'object' end,
      'columns', dreamlit._type_columns(dreamlit._object_name(p_workflow, p_version.version, a.name)))) else '{}' end
    from scopes as a join dreamlit._steps as s on s.parent_step_id = a.step_id
  )
  select s.step_id, s.name, s.kind, s.queries from scopes as s;
$$;
comment on function dreamlit._step_scopes(text, dreamlit._versions) is
  'Returns the steps of a version with the queries above each, as items carry them: {"friend": {"shape": "object", "columns": ["name"]}}, '
  'an array for a collected one.';

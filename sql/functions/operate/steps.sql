create or replace function dreamlit.steps(name text, version integer) returns table (step text, kind text, parent text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive tree as (
    select s.step_id, s.name, s.kind, null::text as parent, array[s.position] as path
    from dreamlit._steps as s
    join dreamlit._versions as v on v.version_id = s.version_id
    join dreamlit._workflows as w on w.workflow_id = v.workflow_id
    where w.name = $1 and v.version = $2 and s.position = 0
    union all
    select s.step_id, s.name, s.kind, t.name, t.path || s.position
    from tree as t join dreamlit._steps as s on s.parent_step_id = t.step_id
  )
  select t.name, t.kind, t.parent from tree as t where t.parent is not null order by t.path;
$$;
comment on function dreamlit.steps(text, integer) is
  'Returns the steps of a version with their parents (trigger at the root), each branch from its top down; none for an unknown '
  'version.';
grant execute on function dreamlit.steps(text, integer) to dreamlit_admin, dreamlit_reader;

-- Hops over the index from step to step, so sleeping tasks cost nothing; a step with due tasks is taken whether it has one or a
-- million.
create or replace function dreamlit._due_steps() returns bigint[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    (select min(t.step_id) as step_id from dreamlit._tasks as t where t.due_at is not null)
    union all
    select (select min(t.step_id) from dreamlit._tasks as t where t.step_id > s.step_id and t.due_at is not null)
    from steps as s where s.step_id is not null
  )
  select coalesce(array_agg(s.step_id order by s.step_id), '{}')
  from steps as s
  where exists (select from dreamlit._tasks as t where t.step_id = s.step_id and t.due_at <= dreamlit._now())
    and exists (
      select from dreamlit._steps as d
      join dreamlit._versions as v on v.version_id = d.version_id
      join dreamlit._workflows as w on w.workflow_id = v.workflow_id
      where d.step_id = s.step_id and w.state <> 'paused');
$$;
comment on function dreamlit._due_steps() is 'Returns the steps that have due tasks, leaving out paused workflows.';
grant execute on function dreamlit._due_steps() to dreamlit_admin;

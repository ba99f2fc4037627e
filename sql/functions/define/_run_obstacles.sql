-- Every open run of the one version: what keeps it from being moved on to the other. The payload was captured by the old version
-- and stays as it is, so the new one must find in it all that it reads.
create or replace function dreamlit._run_obstacles(p_workflow text, p_from dreamlit._versions, p_to dreamlit._versions, p_locked bigint[])
returns table (run_id bigint, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with captured as (
    select dreamlit._type_columns(dreamlit._object_name(p_workflow, p_to.version, 'trigger')) as new_row,
      dreamlit._type_columns(dreamlit._object_name(p_workflow, p_to.version, 'old')) as old_row
  ), runs as (
    select r.*, dreamlit._missing_key(r.payload -> 'trigger', c.new_row) as lacks,
      case when r.operation in ('update', 'delete') then dreamlit._missing_key(nullif(r.payload -> 'old', 'null'), c.old_row) end as lacks_old
    from dreamlit._runs as r cross join captured as c
    where r.version_id = p_from.version_id
  ), steps as materialized (
    select n.* from dreamlit._step_scopes(p_workflow, p_to) as n
  ), tasks as (
    select t.run_id, t.step_id, t.item, t.state, l.task_id is null as busy
    from runs as r
    join dreamlit._tasks as t on t.run_id = r.run_id
    left join unnest(p_locked) as l(task_id) on l.task_id = t.task_id
    union all
    -- Failed ones may yet be retried, and then stand in the run like any other.
    select h.run_id, h.step_id, h.item, h.state, false
    from runs as r join dreamlit._task_history as h on h.run_id = r.run_id
    where r.failed_tasks > 0 and h.state = 'failed'
  ), obstacles as (
    select t.run_id, case
      when t.busy then 'a worker is at it: try again'
      when t.state not in ('due', 'waiting', 'failed') then format('step %s is %s: its messages come first', s.name, t.state)
      when n.step_id is null then format('version %s has no step %s', p_to.version, s.name)
      when n.kind <> s.kind then format('step %s is a step of kind %s in version %s, not %s', s.name, n.kind, p_to.version, s.kind)
      else dreamlit._item_obstacle(p_to.version, s.name, n.queries, t.item) end as reason
    from tasks as t
    join dreamlit._steps as s on s.step_id = t.step_id
    left join steps as n on n.name = s.name
  )
  select r.run_id, case
    when r.cancelling then 'it is being cancelled'
    when r.lacks is not null then format('version %s reads %s, which was not captured', p_to.version, r.lacks)
    when r.lacks_old is not null then format('version %s reads old.%s, which was not captured', p_to.version, r.lacks_old)
    else (select min(o.reason) from obstacles as o where o.run_id = r.run_id) end
  from runs as r;
$$;
comment on function dreamlit._run_obstacles(text, dreamlit._versions, dreamlit._versions, bigint[]) is
  'Returns each open run of a version with the reason why it cannot go on by the other version; null if it can. p_locked are the '
  'open tasks that the caller has locked.';

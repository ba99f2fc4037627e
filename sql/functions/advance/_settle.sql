-- Closes tasks, opens their children, and keeps the runs' counts: the one place where tasks end. A run without open tasks moves to
-- the history in the same statement, without a version of its row in between.
-- Lock order: tasks (the caller holds them), then runs in the order of their ids.
create or replace function dreamlit._settle(
  p_task_ids bigint[], p_state text, p_errors jsonb[] default null, p_open_children boolean default true,
  p_opened_runs bigint[] default null, p_opened_counts integer[] default null)
returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_cancelling bigint[];
begin
  if coalesce(cardinality(p_task_ids), 0) = 0 then
    return;
  end if;
  if p_state = 'failed' then
    perform dreamlit._note_failures(p_task_ids, p_errors);
  end if;
  with closed as (
    delete from dreamlit._tasks as t using unnest(p_task_ids, p_errors) as u(task_id, error)
    where t.task_id = any (p_task_ids) and t.task_id = u.task_id
    returning t.task_id, t.run_id, t.step_id, t.item, t.attempt, coalesce(u.error, t.error) as error, t.started_at
  ), logged as (
    insert into dreamlit._task_history (task_id, run_id, step_id, item, state, attempt, error, started_at, finished_at)
    select c.task_id, c.run_id, c.step_id, case when p_state = 'failed' then c.item end, p_state, c.attempt, c.error, c.started_at, v_now
    from closed as c
  ), opened as (
    insert into dreamlit._tasks (run_id, step_id, item, state, due_at, started_at)
    select c.run_id, s.step_id, c.item, case when d.due_at > v_now then 'waiting' else 'due' end, d.due_at, v_now
    from closed as c
    join dreamlit._steps as s on s.parent_step_id = c.step_id
    cross join lateral (select dreamlit._due_at(s, v_now) as due_at) as d
    where p_state = 'done' and p_open_children
    returning run_id
  ), delta as (
    select e.run_id, sum(e.opened) - sum(e.closed) as open, sum(e.closed) as closed, (array_agg(e.error) filter (where e.error is not null))[1] as error
    from (
      select c.run_id, 0 as opened, 1 as closed, case when p_state = 'failed' then c.error end as error from closed as c
      union all select o.run_id, 1, 0, null from opened as o
      union all select o.run_id, o.opened, 0, null from unnest(p_opened_runs, p_opened_counts) as o(run_id, opened)
    ) as e
    group by e.run_id
  ), counted as materialized (
    select r.run_id, r.open_tasks + d.open as open_tasks, r.cancelling or p_state = 'cancelled' as cancelling, coalesce(d.error, r.last_error) as last_error,
      r.done_tasks + case when p_state = 'done' then d.closed else 0 end as done_tasks,
      r.skipped_tasks + case when p_state = 'skipped' then d.closed else 0 end as skipped_tasks,
      r.failed_tasks + case when p_state = 'failed' then d.closed else 0 end as failed_tasks
    from delta as d join dreamlit._runs as r on r.run_id = d.run_id
    where r.run_id = any (array(select d.run_id from delta as d))
    order by r.run_id for update of r
  ), going_on as (
    update dreamlit._runs as r set open_tasks = c.open_tasks, cancelling = c.cancelling, last_error = c.last_error,
      done_tasks = c.done_tasks, skipped_tasks = c.skipped_tasks, failed_tasks = c.failed_tasks
    from counted as c
    where r.run_id = any (array(select c.run_id from counted as c where c.open_tasks > 0)) and r.run_id = c.run_id
  ), finished as (
    delete from dreamlit._runs as r using counted as c
    where r.run_id = any (array(select c.run_id from counted as c where c.open_tasks = 0)) and r.run_id = c.run_id
    returning r.event_id, r.workflow_id, r.version_id, r.key, r.operation, r.payload, r.occurred_at, r.started_at, c.*
  ), kept as (
    insert into dreamlit._run_history (
      run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at,
      done_tasks, skipped_tasks, failed_tasks, last_error, state, finished_at)
    select
      f.run_id, f.event_id, f.workflow_id, f.version_id, f.key, f.operation, f.payload, f.occurred_at, f.started_at,
      f.done_tasks, f.skipped_tasks, f.failed_tasks, case when f.failed_tasks > 0 then f.last_error end,
      case when f.cancelling then 'cancelled' when f.failed_tasks > 0 then 'failed' else 'done' end, v_now
    from finished as f
  )
  select array_agg(c.run_id) into v_cancelling from counted as c where c.open_tasks > 0 and c.cancelling;
  if v_cancelling is not null and p_state <> 'cancelled' then
    perform dreamlit._cancel_tasks(v_cancelling);
  end if;
end;
$$;
comment on function dreamlit._settle(bigint[], text, jsonb[], boolean, bigint[], integer[]) is
  'Ends tasks as done, skipped, failed or cancelled (p_errors beside p_task_ids), opens the children of done ones unless '
  'p_open_children is false, counts what the caller opened itself, and finishes runs without open tasks.';

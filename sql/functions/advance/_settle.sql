-- Closes tasks, opens their children, and keeps the runs' counts: the one place where tasks end.
-- Lock order: tasks (the caller holds them), then runs in the order of their ids.
create or replace function dreamlit._settle(
  p_task_ids bigint[], p_state text, p_errors jsonb[] default null, p_open_children boolean default true,
  p_opened_runs bigint[] default null, p_opened_counts integer[] default null)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_finished bigint[];
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
    where t.task_id = u.task_id
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
  ), locked as (
    select r.run_id from dreamlit._runs as r where r.run_id in (select d.run_id from delta as d) order by r.run_id for update
  ), counted as (
    update dreamlit._runs as r set
      open_tasks = r.open_tasks + d.open,
      done_tasks = r.done_tasks + case when p_state = 'done' then d.closed else 0 end,
      skipped_tasks = r.skipped_tasks + case when p_state = 'skipped' then d.closed else 0 end,
      cancelling = r.cancelling or p_state = 'cancelled',
      failed_tasks = r.failed_tasks + case when p_state = 'failed' then d.closed else 0 end,
      last_error = coalesce(d.error, r.last_error)
    from delta as d join locked as l on l.run_id = d.run_id
    where r.run_id = d.run_id
    returning r.run_id, r.open_tasks, r.cancelling
  )
  select
    array_agg(c.run_id) filter (where c.open_tasks = 0),
    array_agg(c.run_id) filter (where c.open_tasks > 0 and c.cancelling)
  into v_finished, v_cancelling
  from counted as c;
  perform dreamlit._finish_runs(v_finished);
  if v_cancelling is not null and p_state <> 'cancelled' then
    perform dreamlit._cancel_tasks(v_cancelling);
  end if;
end;
$$;
comment on function dreamlit._settle(bigint[], text, jsonb[], boolean, bigint[], integer[]) is
  'Ends tasks as done, skipped, failed or cancelled (p_errors beside p_task_ids), opens the children of done ones unless '
  'p_open_children is false, counts what the caller opened itself, and finishes runs without open tasks.';

-- Failed tasks come back from the history to where they failed. A message that failed is queued again as it was rendered: what
-- its neighbours of the same task have delivered is not sent again. The caller has the runs open and locked.
create or replace function dreamlit._retry_runs(p_run_ids bigint[]) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_tasks bigint[];
  v_messages bigint[];
  v_created_at timestamptz[];
begin
  with failed as (
    delete from dreamlit._task_history as h where h.run_id = any (p_run_ids) and h.state = 'failed' and not coalesce(h.item ? 'erased', false)
    returning h.*
  ), messages as (
    select m.task_id, count(*)::integer as failed from dreamlit._messages as m
    where m.run_id = any (p_run_ids) and m.state = 'failed' group by m.task_id
  ), reopened as (
    insert into dreamlit._tasks (task_id, run_id, step_id, item, state, due_at, open_messages, started_at)
    overriding system value
    select f.task_id, f.run_id, f.step_id, f.item, case when m.failed > 0 then 'sending' else 'due' end, case when m.failed > 0 then null else v_now end,
      coalesce(m.failed, 0), f.started_at
    from failed as f left join messages as m on m.task_id = f.task_id
    returning task_id, run_id
  ), counted as (
    update dreamlit._runs as r set open_tasks = r.open_tasks + o.tasks, failed_tasks = r.failed_tasks - o.tasks, last_error = null
    from (select run_id, count(*) as tasks from reopened group by run_id) as o
    where r.run_id = o.run_id
  )
  select array_agg(r.task_id) into v_tasks from reopened as r;
  select array_agg(m.message_id), array_agg(m.created_at) into v_messages, v_created_at
  from dreamlit._messages as m where m.run_id = any (p_run_ids) and m.state = 'failed' and m.task_id = any (v_tasks);
  perform dreamlit._queue_again(v_messages, v_created_at);
  perform dreamlit._audit('retry run', r.workflow_id, r.run_id) from dreamlit._runs as r where r.run_id = any (p_run_ids);
  return coalesce(cardinality(v_tasks), 0);
end;
$$;
comment on function dreamlit._retry_runs(bigint[]) is 'Resumes the failed tasks of open runs where they failed and returns how many.';

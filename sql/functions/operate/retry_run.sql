-- Failed tasks come back from the history to where they failed. A message that failed is queued again as it was rendered: what
-- its neighbours of the same task have delivered is not sent again.
create or replace function dreamlit.retry_run(run_id bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_tasks bigint[];
  v_messages bigint[];
  v_created_at timestamptz[];
begin
  perform dreamlit._reopen_run($1);
  with failed as (
    delete from dreamlit._task_history as h where h.run_id = $1 and h.state = 'failed'
    returning h.*
  ), messages as (
    select m.task_id, count(*)::integer as failed from dreamlit._messages as m
    where m.run_id = $1 and m.state = 'failed' group by m.task_id
  ), reopened as (
    insert into dreamlit._tasks (task_id, run_id, step_id, item, state, due_at, open_messages, started_at)
    overriding system value
    select f.task_id, f.run_id, f.step_id, f.item, case when m.failed > 0 then 'sending' else 'due' end, case when m.failed > 0 then null else v_now end,
      coalesce(m.failed, 0), f.started_at
    from failed as f left join messages as m on m.task_id = f.task_id
    returning task_id
  )
  select array_agg(r.task_id) into v_tasks from reopened as r;
  select array_agg(m.message_id), array_agg(m.created_at) into v_messages, v_created_at
  from dreamlit._messages as m where m.run_id = $1 and m.state = 'failed' and m.task_id = any (v_tasks);
  perform dreamlit._queue_again(v_messages, v_created_at);
  update dreamlit._runs as r set
    open_tasks = r.open_tasks + cardinality(v_tasks), failed_tasks = r.failed_tasks - cardinality(v_tasks), last_error = null
  where r.run_id = $1;
  return cardinality(v_tasks);
end;
$$;
comment on function dreamlit.retry_run(bigint) is
  'Resumes the failed tasks of a run where they failed, on the version it ran on, and returns how many. Raises DL002 if there '
  'is no such run, DL003 if nothing of it has failed or its version has been retired.';
grant execute on function dreamlit.retry_run(bigint) to dreamlit_admin;

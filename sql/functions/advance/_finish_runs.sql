create or replace function dreamlit._finish_runs(p_run_ids bigint[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  with finished as (
    delete from dreamlit._runs as r where r.run_id = any (p_run_ids) and r.open_tasks = 0
    returning r.*
  )
  insert into dreamlit._run_history (
    run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at,
    done_tasks, skipped_tasks, failed_tasks, last_error, state, finished_at)
  select
    f.run_id, f.event_id, f.workflow_id, f.version_id, f.key, f.operation, f.payload, f.occurred_at, f.started_at,
    f.done_tasks, f.skipped_tasks, f.failed_tasks, case when f.failed_tasks > 0 then f.last_error end,
    case when f.cancelling then 'cancelled' when f.failed_tasks > 0 then 'failed' else 'done' end, dreamlit._now()
  from finished as f;
$$;
comment on function dreamlit._finish_runs(bigint[]) is
  'Moves runs without open tasks to the history: cancelled, failed (a task failed) or done.';

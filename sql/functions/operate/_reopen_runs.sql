-- Lock order: runs by id, then keys in the order of _launch_runs. A run whose key another open run bears stays closed: its neighbours must not fail with it.
create or replace function dreamlit._reopen_runs(p_run_ids bigint[]) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_open bigint[];
  v_reopened bigint[];
begin
  select array_agg(r.run_id) into v_open
  from (
    select r.run_id from dreamlit._runs as r
    where r.run_id = any (array(select t.run_id from dreamlit._retriable_runs(p_run_ids) as t)) and r.failed_tasks > 0
    order by r.run_id for update) as r;
  with history as (
    delete from dreamlit._run_history as h
    where h.run_id = any (array(select t.run_id from dreamlit._retriable_runs(p_run_ids) as t))
    returning h.*
  ), reopened as (
    insert into dreamlit._runs (
      run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at, open_tasks, done_tasks, skipped_tasks, failed_tasks)
    overriding system value
    select h.run_id, h.event_id, h.workflow_id, h.version_id, h.key, h.operation, h.payload, h.occurred_at, h.started_at, 0, h.done_tasks, h.skipped_tasks, h.failed_tasks
    from history as h
    order by h.workflow_id, h.key collate "C", h.run_id
    returning run_id
  )
  select array_agg(r.run_id) into v_reopened from reopened as r;
  return coalesce(v_open, '{}') || coalesce(v_reopened, '{}');
exception when unique_violation then
  raise exception using errcode = 'DL003', message = 'a run with the same key has just been started', hint = 'do it again';
end;
$$;
comment on function dreamlit._reopen_runs(bigint[]) is
  'Locks runs with failed tasks, bringing back from the history those that have finished, and returns them; of several with one '
  'key the first, and none if another run with the key is open. Raises DL003 if one with the key was started meanwhile.';

create or replace function dreamlit._reopen_run(p_run_id bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_run record;
begin
  select r.run_id, r.failed_tasks, r.version_id, true as open into v_run from dreamlit._runs as r where r.run_id = p_run_id for update;
  if not found then
    select h.run_id, h.failed_tasks, h.version_id, false as open into v_run from dreamlit._run_history as h where h.run_id = p_run_id for update;
  end if;
  if v_run.run_id is null then
    perform dreamlit._finished_state(p_run_id);
  elsif v_run.failed_tasks = 0 then
    raise exception using errcode = 'DL003', message = format('run %s has no failed task', p_run_id),
      hint = 'only failed tasks can be retried';
  elsif not (select v.compiled from dreamlit._versions as v where v.version_id = v_run.version_id) then
    raise exception using errcode = 'DL003', message = format('the version of run %s has been retired', p_run_id),
      hint = 'start the workflow afresh: dreamlit.start(name, payload)';
  end if;
  if not v_run.open then
    with history as (
      delete from dreamlit._run_history as h where h.run_id = p_run_id returning h.*
    )
    insert into dreamlit._runs (run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at, open_tasks, done_tasks, skipped_tasks, failed_tasks)
    overriding system value
    select h.run_id, h.event_id, h.workflow_id, h.version_id, h.key, h.operation, h.payload, h.occurred_at, h.started_at, 0, h.done_tasks, h.skipped_tasks, h.failed_tasks
    from history as h;
  end if;
exception when unique_violation then
  raise exception using errcode = 'DL003', message = format('another run with the key of run %s is open', p_run_id),
    hint = 'wait for its end, or cancel it';
end;
$$;
comment on function dreamlit._reopen_run(bigint) is
  'Locks a run with failed tasks, bringing it back from the history if it has finished; raises DL002 or DL003.';

create or replace function dreamlit._reopen_run(p_run_id bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_run record;
begin
  select r.failed_tasks, r.version_id, r.workflow_id, r.key, r.payload ? 'erased' as erased into v_run from dreamlit._runs as r where r.run_id = p_run_id
  union all
  select h.failed_tasks, h.version_id, h.workflow_id, h.key, h.payload ? 'erased' from dreamlit._run_history as h where h.run_id = p_run_id;
  if not found then
    perform dreamlit._finished_state(p_run_id);
  elsif v_run.failed_tasks = 0 then
    raise exception using errcode = 'DL003', message = format('run %s has no failed task', p_run_id),
      hint = 'only failed tasks can be retried; dreamlit.rerun(run_id) starts afresh';
  elsif not (select v.compiled from dreamlit._versions as v where v.version_id = v_run.version_id) then
    raise exception using errcode = 'DL003', message = format('the version of run %s has been retired', p_run_id),
      hint = 'start it afresh on the published version: dreamlit.rerun(run_id)';
  elsif dreamlit._reopen_runs(array[p_run_id]) = '{}' then
    raise exception using errcode = 'DL003',
      message = format(case when v_run.erased then 'run %s has been erased'
        when exists (select from dreamlit._runs as r where r.workflow_id = v_run.workflow_id and r.key = v_run.key) then 'another run with the key of run %s is open'
        else 'run %s has just been retried, or what failed of it is kept no longer' end, p_run_id),
      hint = 'look in dreamlit.runs; wait for the other''s end, or cancel it';
  end if;
end;
$$;
comment on function dreamlit._reopen_run(bigint) is
  'Locks a run with failed tasks, bringing it back from the history if it has finished; raises DL002 or DL003.';

-- One reading of the filters that retry_failed, rerun_runs and cancel_runs take.
create or replace function dreamlit._matching_runs(p_workflow text, p_states text[], p_since timestamptz, p_until timestamptz)
returns table (run_id bigint, state text, version_id bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow_id bigint;
begin
  if p_workflow is null and p_since is null then
    raise exception using errcode = 'DL001', message = 'neither a workflow nor a time is given', hint = 'name the workflow, or since when';
  end if;
  if p_workflow is not null then
    v_workflow_id := (dreamlit._workflow(p_workflow)).workflow_id;
  end if;
  return query
    select r.run_id, case when r.failed_tasks > 0 then 'failed' else 'running' end, r.version_id
    from dreamlit._runs as r
    where (v_workflow_id is null or r.workflow_id = v_workflow_id) and not r.cancelling
      and case when r.failed_tasks > 0 then 'failed' else 'running' end = any (p_states)
      and r.started_at >= coalesce(p_since, '-infinity') and r.started_at < coalesce(p_until, 'infinity')
    union all
    select h.run_id, h.state, h.version_id
    from dreamlit._run_history as h
    where (v_workflow_id is null or h.workflow_id = v_workflow_id) and h.state = any (p_states)
      -- A run finishes after it has started: this is what leaves out partitions.
      and h.finished_at >= coalesce(p_since, '-infinity')
      and h.started_at >= coalesce(p_since, '-infinity') and h.started_at < coalesce(p_until, 'infinity');
end;
$$;
comment on function dreamlit._matching_runs(text, text[], timestamptz, timestamptz) is
  'Returns runs of a workflow (null for all) in some of the states running, failed, done, cancelled that started within the times; '
  'raises DL001 without any filter, DL002 for an unknown workflow.';

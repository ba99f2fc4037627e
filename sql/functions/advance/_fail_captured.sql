-- An event whose condition, key or payload failed at capture: the run starts as failed. retry_run clears the error, and then the
-- condition is asked again.
create or replace function dreamlit._fail_captured(p_task_ids bigint[]) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_failed bigint[];
  v_errors jsonb[];
begin
  select array_agg(t.task_id), array_agg(r.last_error || jsonb_build_object('step', 'trigger')) into v_failed, v_errors
  from dreamlit._tasks as t
  cross join lateral (select r.last_error from dreamlit._runs as r where r.run_id = t.run_id limit 1) as r
  where t.task_id = any (p_task_ids) and r.last_error is not null;
  perform dreamlit._settle(v_failed, 'failed', v_errors);
  return coalesce(v_failed, '{}');
end;
$$;
comment on function dreamlit._fail_captured(bigint[]) is 'Ends as failed those tasks of the step trigger whose capture failed and that nobody has retried; returns their ids.';

-- A task ends with its last message: failed if one failed, else done; what nobody wanted sent counts as done.
create or replace function dreamlit._settle_messages(p_results dreamlit._result[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_done bigint[];
  v_failed bigint[];
  v_errors jsonb[];
begin
  with settled as (
    select r.task_id, count(*) as settled, count(*) filter (where r.verdict = 'failed') as failed,
      (array_agg(jsonb_strip_nulls(jsonb_build_object('message_id', r.message_id, 'fault', r.fault, 'code', r.code, 'message', r.error)))
        filter (where r.verdict = 'failed'))[1] as error
    from unnest(p_results) as r
    where r.verdict in ('sent', 'failed', 'discarded', 'suppressed')
    group by r.task_id
  ), counted as materialized (
    select t.task_id, t.step_id, t.open_messages - d.settled as open_messages, t.failed_messages + d.failed as failed_messages, coalesce(d.error, t.error) as error
    from settled as d join dreamlit._tasks as t on t.task_id = d.task_id
    where t.state = 'sending' and t.task_id = any (array(select d.task_id from settled as d))
    order by t.task_id for update of t
  ), going_on as (
    update dreamlit._tasks as t set open_messages = c.open_messages, failed_messages = c.failed_messages, error = c.error
    from counted as c
    where t.task_id = any (array(select c.task_id from counted as c where c.open_messages > 0)) and t.task_id = c.task_id
  )
  select
    array_agg(c.task_id) filter (where c.failed_messages = 0),
    array_agg(c.task_id) filter (where c.failed_messages > 0),
    array_agg(c.error || jsonb_build_object('step', s.name)) filter (where c.failed_messages > 0)
  into v_done, v_failed, v_errors
  from counted as c join dreamlit._steps as s on s.step_id = c.step_id
  where c.open_messages <= 0;
  if v_done is not null and v_failed is not null then
    perform dreamlit._lock_runs(v_done || v_failed);
  end if;
  perform dreamlit._settle(v_done, 'done');
  perform dreamlit._settle(v_failed, 'failed', v_errors);
end;
$$;
comment on function dreamlit._settle_messages(dreamlit._result[]) is
  'Counts settled messages off their tasks and ends the tasks that have none left.';

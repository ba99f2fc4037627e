create or replace function dreamlit._cancel_tasks(p_run_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_task_ids bigint[];
begin
  select array_agg(t.task_id) into v_task_ids
  from (
    -- A task with a delivery under way ends with that delivery.
    select t.task_id from dreamlit._tasks as t
    where t.run_id = any (p_run_ids) and (t.state <> 'sending' or t.open_messages <= 0)
    order by t.task_id for update skip locked
  ) as t;
  perform dreamlit._settle(v_task_ids, 'cancelled');
end;
$$;
comment on function dreamlit._cancel_tasks(bigint[]) is
  'Ends the open tasks of runs as cancelled, save those that somebody is working on.';

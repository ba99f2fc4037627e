-- Whoever settles more than one set of tasks in a transaction locks the runs of all of them first: two settlings in a row would
-- else lock runs in any order. Lock order: tasks (the caller holds them), then runs by id. Their ids come first, for the planner
-- would join: all open runs are read for that, with the dead rows among them.
create or replace function dreamlit._lock_runs(p_task_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_run_ids bigint[];
begin
  if cardinality(p_task_ids) > 0 then
    v_run_ids := array(select t.run_id from dreamlit._tasks as t where t.task_id = any (p_task_ids));
    perform r.run_id from dreamlit._runs as r where r.run_id = any (v_run_ids) order by r.run_id for update;
  end if;
end;
$$;
comment on function dreamlit._lock_runs(bigint[]) is 'Locks the runs of open tasks, by id.';

-- The whole batch at once; a batch that fails is halved until the bad task stands alone, so it never fails its neighbours.
-- A statement_timeout leaves no time to find the slow one: each counts an attempt, and their retries come apart by the jitter.
-- OTHERS leaves it out, and without this one slow query would end every round of the worker at the same place.
create or replace function dreamlit._try_step(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_count constant integer := cardinality(p_task_ids);
begin
  perform dreamlit._run_step(p_step, p_task_ids, p_items);
exception when query_canceled then
  perform dreamlit._lock_runs(p_task_ids);
  perform dreamlit._fail_task(p_step, t.task_id, sqlstate, sqlerrm) from unnest(p_task_ids) as t(task_id);
when others then
  if v_count = 1 then
    perform dreamlit._fail_task(p_step, p_task_ids[1], sqlstate, sqlerrm);
  else
    perform dreamlit._lock_runs(p_task_ids);
    perform dreamlit._try_step(p_step, p_task_ids[: v_count / 2], p_items[: v_count / 2]);
    perform dreamlit._try_step(p_step, p_task_ids[v_count / 2 + 1 :], p_items[v_count / 2 + 1 :]);
  end if;
end;
$$;
comment on function dreamlit._try_step(dreamlit._steps, bigint[], jsonb[]) is
  'Runs a step for a batch of tasks; those that fail alone, or are cut off by a statement_timeout, are '
  'counted as failed attempts.';

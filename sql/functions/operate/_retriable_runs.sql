-- What retry_failed counts and what it does: one reading of both. A failed task that was erased cannot go on, nor one whose day
-- of history is gone; a run whose key another open run bears stays closed, and of several with one key the first is taken.
create or replace function dreamlit._retriable_runs(p_run_ids bigint[]) returns table (run_id bigint, tasks bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with failed as (
    select h.run_id, count(*) as tasks from dreamlit._task_history as h
    where h.run_id = any (p_run_ids) and h.state = 'failed' and not coalesce(h.item ? 'erased', false)
    group by h.run_id
  )
  select r.run_id, f.tasks
  from dreamlit._runs as r join failed as f on f.run_id = r.run_id
  where r.run_id = any (p_run_ids) and not r.payload ? 'erased'
  union all
  select h.run_id, h.tasks
  from (
    select h.run_id, f.tasks,
      row_number() over (partition by h.workflow_id, h.key, case when h.key is null then h.run_id end order by h.run_id) as n
    from dreamlit._run_history as h join failed as f on f.run_id = h.run_id
    where h.run_id = any (p_run_ids) and not h.payload ? 'erased'
      and not exists (select from dreamlit._runs as r where r.workflow_id = h.workflow_id and r.key = h.key)
  ) as h
  where h.n = 1;
$$;
comment on function dreamlit._retriable_runs(bigint[]) is
  'Returns those of the runs that can be retried, with how many failed tasks each.';

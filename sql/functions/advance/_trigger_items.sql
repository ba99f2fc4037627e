create or replace function dreamlit._trigger_items(p_task_ids bigint[]) returns jsonb[]
language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  select array_agg(
    r.payload || jsonb_build_object('new', case when r.operation <> 'delete' then r.payload -> 'trigger' end) order by t.task_id)
  from dreamlit._tasks as t
  cross join lateral (select r.payload, r.operation from dreamlit._runs as r where r.run_id = t.run_id limit 1) as r
  where t.task_id = any (p_task_ids);
$$;
comment on function dreamlit._trigger_items(bigint[]) is
  'Returns the items of tasks of the step trigger, in the order of their ids, with the row that conditions call new: null on delete.';

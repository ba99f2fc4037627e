create or replace function dreamlit._trigger_items(p_task_ids bigint[]) returns jsonb[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array_agg(
    r.payload || jsonb_build_object('new', case when r.operation <> 'delete' then r.payload -> 'trigger' end) order by t.task_id)
  from dreamlit._tasks as t
  join dreamlit._runs as r on r.run_id = t.run_id
  where t.task_id = any (p_task_ids);
$$;
comment on function dreamlit._trigger_items(bigint[]) is
  'Returns the items of tasks of the step trigger, in the order of their ids, with the row that conditions call new: null on delete.';

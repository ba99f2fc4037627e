create or replace function dreamlit._trigger_items(p_task_ids bigint[], p_items jsonb[]) returns jsonb[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array_agg(u.item || jsonb_build_object('new', case when r.operation <> 'delete' then u.item -> 'trigger' end) order by u.n)
  from unnest(p_task_ids, p_items) with ordinality as u(task_id, item, n)
  join dreamlit._tasks as t on t.task_id = u.task_id
  join dreamlit._runs as r on r.run_id = t.run_id;
$$;
comment on function dreamlit._trigger_items(bigint[], jsonb[]) is
  'Returns the items with the row that conditions call new: the trigger''s, null on delete.';

create or replace function dreamlit._read_tasks(p_task_ids bigint[], out run_ids bigint[], out items jsonb[])
language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  select array_agg(t.run_id order by u.n), array_agg(t.item order by u.n)
  from unnest(p_task_ids) with ordinality as u(task_id, n)
  left join lateral (select t.run_id, t.item from dreamlit._tasks as t where t.task_id = u.task_id limit 1) as t on true;
$$;
comment on function dreamlit._read_tasks(bigint[]) is 'Returns the runs and the items of open tasks, in the order of p_task_ids.';

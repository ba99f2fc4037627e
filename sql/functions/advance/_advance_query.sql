-- Rows go straight from the compiled query into the tasks of the steps below: a fan-out of a million passes no array.
create or replace function dreamlit._advance_query(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_items jsonb[];
  v_run_ids bigint[];
  v_runs bigint[];
  v_counts integer[];
begin
  -- Apart, and not a join to the table: publishers' queries are planned as PostgreSQL sees fit, this look never reads all tasks.
  select t.run_ids, t.items into v_run_ids, v_items from dreamlit._read_tasks(p_task_ids) as t;
  execute format($sql$
    with results as (
      %s
    ), opened as (
      insert into dreamlit._tasks (run_id, step_id, item, state, due_at, started_at)
      select t.run_id, s.step_id, coalesce(t.item, '{}') || jsonb_build_object($3, r.result),
        case when d.due_at > $4 then 'waiting' else 'due' end, d.due_at, $4
      from results as r
      join unnest($1, $6, $7) as t(task_id, run_id, item) on t.task_id = r.item_id
      cross join dreamlit._steps as s
      cross join lateral (select dreamlit._due_at(s, $4) as due_at) as d
      where s.parent_step_id = $5
      returning run_id
    ), counted as (
      select o.run_id, count(*)::integer as opened from opened as o group by o.run_id
    )
    select array_agg(c.run_id), array_agg(c.opened) from counted as c $sql$,
    format(case when (p_step.settings -> 'collect')::boolean
      then $sql$select u.item_id, coalesce(jsonb_agg(f.result) filter (where f.item_id is not null), '[]') as result
        from unnest($1) as u(item_id) left join %s($1, $2) as f on f.item_id = u.item_id group by u.item_id$sql$
      else 'select f.item_id, f.result from %s($1, $2) as f' end, dreamlit._compiled(p_step.sql_function, p_publisher)))
  into v_runs, v_counts
  using p_task_ids, p_items, p_step.name, dreamlit._now(), p_step.step_id, v_run_ids, v_items;
  perform dreamlit._check_path();
  perform dreamlit._settle(p_task_ids, 'done', null, false, v_runs, v_counts);
end;
$$;
comment on function dreamlit._advance_query(dreamlit._steps, name, bigint[], jsonb[]) is
  'Runs a query for a batch of tasks: each row opens a task in each step below; collected, all rows of a task open one.';

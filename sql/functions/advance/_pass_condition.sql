create or replace function dreamlit._pass_condition(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns table (task_ids bigint[], items jsonb[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_passed bigint[];
  v_skipped bigint[];
begin
  execute format('select array_agg(f.item_id) filter (where f.result) from %s($1, $2) as f', dreamlit._compiled(p_step.if_function, p_publisher))
  into v_passed using p_task_ids, p_items;
  perform dreamlit._check_path();
  v_passed := coalesce(v_passed, '{}');
  v_skipped := array(select u.task_id from unnest(p_task_ids) as u(task_id) where u.task_id <> all (v_passed));
  if v_passed <> '{}' and v_skipped <> '{}' then
    perform dreamlit._lock_runs(p_task_ids);
  end if;
  perform dreamlit._settle(v_skipped, 'skipped');
  return query
    select array_agg(u.task_id), array_agg(u.item)
    from unnest(p_task_ids, p_items) as u(task_id, item)
    where u.task_id = any (v_passed);
end;
$$;
comment on function dreamlit._pass_condition(dreamlit._steps, name, bigint[], jsonb[]) is
  'Asks a step''s condition for a batch: ends those where it is false or null as skipped, and returns the rest (nulls if none).';

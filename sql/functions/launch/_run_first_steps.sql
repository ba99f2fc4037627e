create or replace function dreamlit._run_first_steps(p_task_ids bigint[], p_step_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_batch record;
  v_step dreamlit._steps;
begin
  for v_batch in
    select u.step_id, array_agg(u.task_id order by u.task_id) as task_ids, array_agg(u.item order by u.task_id) as items
    from unnest(p_task_ids, p_step_ids, p_items) as u(task_id, step_id, item) group by u.step_id order by u.step_id
  loop
    select s.* into v_step from dreamlit._steps as s where s.step_id = v_batch.step_id;
    perform dreamlit._try_step(v_step, v_batch.task_ids, v_batch.items);
  end loop;
end;
$$;
comment on function dreamlit._run_first_steps(bigint[], bigint[], jsonb[]) is
  'Runs tasks that were opened in this transaction, step by step, with their items; null: none.';

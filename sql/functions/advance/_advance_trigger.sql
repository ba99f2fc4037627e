-- Only events whose condition or key failed at capture come here; the condition has just been asked again.
create or replace function dreamlit._advance_trigger(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_step.sql_function is not null then
    execute format($sql$
      update dreamlit._runs as r set key = dreamlit._run_key(f.result)
      from %s($1, $2) as f join dreamlit._tasks as t on t.task_id = f.item_id
      where r.run_id = t.run_id and t.task_id = any ($1) $sql$, dreamlit._compiled(p_step.sql_function, p_publisher))
    using p_task_ids, p_items;
    perform dreamlit._check_path();
  end if;
  perform dreamlit._settle(p_task_ids, 'done');
end;
$$;
comment on function dreamlit._advance_trigger(dreamlit._steps, name, bigint[], jsonb[]) is
  'Gives runs whose capture had failed their key and lets them begin.';

create or replace function dreamlit._run_step(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_publisher name;
  v_task_ids bigint[] := p_task_ids;
  v_items jsonb[] := p_items;
  v_failed bigint[];
begin
  select v.publisher into v_publisher from dreamlit._versions as v where v.version_id = p_step.version_id;
  if p_step.kind = 'trigger' then
    perform dreamlit._lock_runs(p_task_ids);
    v_failed := dreamlit._fail_captured(p_task_ids);
    v_task_ids := array(select u.task_id from unnest(p_task_ids) as u(task_id) where u.task_id <> all (v_failed) order by u.task_id);
    v_items := dreamlit._trigger_items(v_task_ids);
    if v_task_ids = '{}' then
      return;
    end if;
  end if;
  if p_step.if_function is not null then
    select p.task_ids, p.items into v_task_ids, v_items from dreamlit._pass_condition(p_step, v_publisher, v_task_ids, v_items) as p;
    if v_task_ids is null then
      return;
    end if;
  end if;
  case p_step.kind
    when 'trigger' then perform dreamlit._advance_trigger(p_step, v_publisher, v_task_ids, v_items);
    when 'wait' then perform dreamlit._advance_wait(p_step, v_publisher, v_task_ids, v_items);
    when 'query' then perform dreamlit._advance_query(p_step, v_publisher, v_task_ids, v_items);
    when 'if' then perform dreamlit._settle(v_task_ids, 'done');
    else perform dreamlit._advance_message(p_step, v_task_ids, v_items);
  end case;
end;
$$;
comment on function dreamlit._run_step(dreamlit._steps, bigint[], jsonb[]) is
  'Asks the step''s condition and then does what its kind does, for a batch of locked tasks; raises whatever fails.';

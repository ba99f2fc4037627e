-- One transaction's work on one step: its due tasks as one set.
create or replace function dreamlit._advance(p_step_id bigint, p_limit integer default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_step dreamlit._steps;
  v_task_ids bigint[];
  v_items jsonb[];
  v_waited bigint[];
begin
  select s.* into v_step from dreamlit._steps as s where s.step_id = p_step_id;
  with due as materialized (
    select t.task_id, t.run_id, t.item, t.state
    from dreamlit._tasks as t
    where t.step_id = p_step_id and t.due_at <= v_now
    order by t.due_at, t.task_id
    limit coalesce(p_limit, (dreamlit._setting('batch'))::integer)
    for update skip locked
  )
  select
    array_agg(d.task_id order by d.task_id) filter (where d.state = 'due'),
    array_agg(r.payload || coalesce(d.item, '{}') order by d.task_id) filter (where d.state = 'due'),
    array_agg(d.task_id) filter (where d.state = 'waiting')
  into v_task_ids, v_items, v_waited
  from due as d join dreamlit._runs as r on r.run_id = d.run_id;

  perform dreamlit._settle(v_waited, 'done');
  if v_task_ids is not null then
    perform set_config('dreamlit.advancing', 'on', true);
    perform dreamlit._try_step(v_step, v_task_ids, v_items);
    perform set_config('dreamlit.advancing', 'off', true);
  end if;
  return coalesce(cardinality(v_task_ids), 0) + coalesce(cardinality(v_waited), 0);
end;
$$;
comment on function dreamlit._advance(bigint, integer) is
  'Moves up to p_limit due tasks of a step on and returns how many it took.';

create or replace function dreamlit._advance_wait(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_ids bigint[] := p_task_ids;
  v_until timestamptz[];
begin
  if p_step.sql_function is null then
    v_until := array_fill(v_now + (p_step.settings ->> 'wait')::interval, array[cardinality(p_task_ids)]);
  else
    execute format('select array_agg(f.item_id), array_agg(f.result) from %s($1, $2) as f where f.item_id = any ($1)', dreamlit._compiled(p_step.sql_function, p_publisher))
    into v_ids, v_until using p_task_ids, p_items;
    perform dreamlit._check_path();
  end if;
  if array_position(v_until, null) is not null then
    raise exception using errcode = 'null_value_not_allowed', message = format('until is null in step %s', p_step.name),
      hint = 'give it a value with coalesce';
  end if;
  perform dreamlit._put_off(v_ids, v_until);
  perform dreamlit._settle(array(select u.task_id from unnest(v_ids, v_until) as u(task_id, until) where u.until <= v_now), 'done');
end;
$$;
comment on function dreamlit._advance_wait(dreamlit._steps, name, bigint[], jsonb[]) is
  'Lets tasks wait until their moment; a moment in the past goes on at once, null is an error.';

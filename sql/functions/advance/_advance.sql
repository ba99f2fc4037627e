-- One transaction's work on one step: its due tasks as one set.
create or replace function dreamlit._advance(p_step_id bigint, p_limit integer default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_began_at constant timestamptz := clock_timestamp();
  v_from constant bigint := dreamlit._low_mark('step_' || p_step_id);
  v_limit constant integer := coalesce(p_limit, (dreamlit._setting('batch'))::integer);
  v_count integer;
  v_last timestamptz;
  v_step dreamlit._steps;
  v_task_ids bigint[];
  v_items jsonb[];
  v_waited bigint[];
begin
  select s.* into v_step from dreamlit._steps as s where s.step_id = p_step_id;
  select d.* into v_task_ids, v_items, v_waited, v_count, v_last from dreamlit._take_due(p_step_id, v_from, v_limit) as d;
  if v_waited is not null and v_task_ids is not null then
    perform dreamlit._lock_runs(v_waited || v_task_ids);
  end if;
  perform dreamlit._settle(v_waited, 'done');
  if v_task_ids is not null then
    perform set_config('dreamlit.advancing', 'on', true);
    perform dreamlit._try_step(v_step, v_task_ids, v_items);
    perform set_config('dreamlit.advancing', 'off', true);
  end if;
  perform dreamlit._set_low_mark('step_' || p_step_id, v_from,
    dreamlit._mark(case when v_count < v_limit then v_now else v_last end), v_count < v_limit, v_began_at);
  return v_count;
end;
$$;
comment on function dreamlit._advance(bigint, integer) is
  'Moves up to p_limit due tasks of a step on and returns how many it took.';

-- Events are taken in their order, so a hundred thousand of one workflow would hold up the one event of another. Here the worker
-- looks at what waits behind them, at each message once: a session remembers up to where it has looked. One that commits late below
-- that waits its turn, as all would without this.
create or replace function dreamlit._look_ahead(p_from bigint, p_limit integer) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  c_crowd constant integer := 100;
  c_window constant integer := 20000;
  v_mark constant bigint := coalesce(nullif(current_setting('dreamlit.looked_ahead', true), '')::bigint, 0);
  v_seen bigint;
  v_found bigint[];
  v_full boolean;
begin
  with crowd as materialized (
    select q.msg_id, coalesce(q.headers -> 'version', q.message -> 'version') as version
    from pgmq.q_dreamlit_events as q where q.msg_id >= p_from order by q.msg_id limit c_crowd
  ), behind as materialized (
    select q.msg_id, coalesce(q.headers -> 'version', q.message -> 'version') as version, dreamlit._events_in(q.headers) as events
    from pgmq.q_dreamlit_events as q
    where q.msg_id > greatest(v_mark, (select max(c.msg_id) from crowd as c))
    order by q.msg_id limit c_window
  ), others as (
    select b.msg_id, b.events, sum(b.events) over (partition by b.version order by b.msg_id) - b.events as before
    from behind as b where not exists (select from crowd as c where c.version = b.version)
  ), few as (  -- of none so many that it would be a crowd itself
    select o.msg_id, sum(o.events) over (order by o.msg_id) - o.events as before from others as o where o.before < greatest(p_limit / 4, 1)
  )
  select max(b.msg_id), (select array_agg(f.msg_id) from few as f where f.before < p_limit), (select max(f.before) >= p_limit from few as f)
  into v_seen, v_found, v_full from behind as b;
  if v_seen is not null then
    v_seen := case when v_full then (select max(f.msg_id) from unnest(v_found) as f(msg_id)) else v_seen end;
    perform set_config('dreamlit.looked_ahead', v_seen::text, false);
  end if;
  return v_found;
end;
$$;
comment on function dreamlit._look_ahead(bigint, integer) is
  'Returns the messages of the event queue, of those that this session has not looked at yet, whose workflows have none among the '
  'first hundred from p_from on: up to a quarter of p_limit events of a workflow, p_limit in all.';

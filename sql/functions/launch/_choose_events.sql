-- In the order of msg_id; a late commit with a lower id is simply the next to be taken. Messages for a batch are locked and no more:
-- what one worker locks, another cannot take meanwhile. Behind a crowd, which a full batch tells of, other workflows' events go along.
create or replace function dreamlit._choose_events(p_limit integer) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_began_at constant timestamptz := clock_timestamp();
  v_from constant bigint := dreamlit._low_mark('events');
  v_first constant bigint := (select q.msg_id from pgmq.q_dreamlit_events as q where q.msg_id >= coalesce(v_from, 0) order by q.msg_id limit 1);
  v_ahead bigint[];
  v_chosen bigint[];
  v_waiting bigint;
  v_last bigint;
begin
  if v_first is null then
    perform dreamlit._set_low_mark('events', v_from, null, true, v_began_at);
    return null;
  end if;
  if current_setting('dreamlit.crowded', true) = 'on' then
    v_ahead := dreamlit._look_ahead(v_first, p_limit);
  end if;
  with waiting as (
    select least(dreamlit._events_in(q.headers), p_limit) as events, q.msg_id
    from pgmq.q_dreamlit_events as q where q.msg_id >= v_first order by q.msg_id limit p_limit
  ), enough as materialized (
    select sum(w.events) as events, greatest(count(*) filter (where w.before < p_limit), ceil(p_limit / avg(w.events))) as messages
    from (select w.events, sum(w.events) over (order by w.msg_id) - w.events as before from waiting as w) as w
  ), first as materialized (
    select q.msg_id, least(dreamlit._events_in(q.headers), p_limit) as events
    from pgmq.q_dreamlit_events as q
    where q.msg_id >= v_first order by q.msg_id limit (select e.messages::bigint from enough as e)
    for update skip locked
  ), in_turn as materialized (
    select f.msg_id from (select f.msg_id, sum(f.events) over (order by f.msg_id) - f.events as before from first as f) as f
    where f.before < p_limit
  ), ahead as materialized (
    select q.msg_id from pgmq.q_dreamlit_events as q where q.msg_id = any (v_ahead) order by q.msg_id for update skip locked
  ), chosen as (
    select i.msg_id from in_turn as i union select a.msg_id from ahead as a
  )
  select (select array_agg(c.msg_id) from chosen as c), coalesce((select e.events from enough as e), 0), (select max(i.msg_id) from in_turn as i)
  into v_chosen, v_waiting, v_last;
  perform dreamlit._set_low_mark('events', v_from, v_last + 1, v_waiting < p_limit, v_began_at);
  perform set_config('dreamlit.crowded', case when v_waiting < p_limit then 'off' else 'on' end, false);
  return v_chosen;
end;
$$;
comment on function dreamlit._choose_events(integer) is
  'Locks the queue messages of about p_limit waiting events, twice as many where some overtake, and returns their ids; null if there '
  'are none, or others have them all.';

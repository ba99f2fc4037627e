create or replace function dreamlit._cancel_messages(p_message_ids bigint[], p_task_state text default 'cancelled') returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_cancelled bigint[];
  v_tasks bigint[];
begin
  if coalesce(cardinality(p_message_ids), 0) = 0 then
    return;
  end if;
  select array_agg(o.message_id) into v_cancelled
  from dreamlit._lock_outbox(p_message_ids) as o
  where not coalesce(o.headers ? 'started_at', false);
  perform dreamlit._dequeue(q.queue, v_cancelled) from dreamlit._queues() as q where q.queue not in ('dreamlit_events', 'dreamlit_render');
  perform t.task_id from dreamlit._tasks as t
  where t.task_id = any (array(select m.task_id from dreamlit._messages as m where m.message_id = any (p_message_ids))) order by t.task_id for update;
  with held as (
    delete from dreamlit._held_messages as u where u.message_id = any (p_message_ids) returning u.message_id
  ), cancelled as (
    update dreamlit._messages as m set state = 'cancelled', settled_at = dreamlit._now()
    where m.message_id = any (v_cancelled || array(select u.message_id from held as u)) and m.state in ('queued', 'uncertain', 'held')
    returning m.task_id
  ), counted as (
    update dreamlit._tasks as t set open_messages = t.open_messages - c.messages
    from (select task_id, count(*) as messages from cancelled group by task_id) as c
    where t.task_id = any (array(select c.task_id from cancelled as c)) and t.task_id = c.task_id
    returning t.task_id, t.open_messages
  )
  select array_agg(c.task_id) filter (where c.open_messages <= 0) into v_tasks from counted as c;
  perform dreamlit._settle(v_tasks, p_task_state);
end;
$$;
comment on function dreamlit._cancel_messages(bigint[], text) is
  'Takes messages off the outbox whose delivery has not begun, or that are held, and ends their tasks as cancelled (which cancels '
  'the run) or in another state.';

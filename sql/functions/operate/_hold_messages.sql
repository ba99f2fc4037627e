-- What was posted while the sandbox was being entered; nobody claims it, and here it becomes visible as held.
-- Lock order: outbox rows, held messages, messages.
create or replace function dreamlit._hold_messages() returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[];
  v_claims integer[];
begin
  if not exists (select from dreamlit._workflows as w where w.sandbox) then
    return 0;
  end if;
  select array_agg(o.message_id), array_agg(o.read_ct) into v_ids, v_claims
  from dreamlit._lock_outbox(array(
    select o.message_id from dreamlit._outbox as o
    where (o.message -> 'workflow_id')::bigint in (select w.workflow_id from dreamlit._workflows as w where w.sandbox)
      and not o.message ? 'released' and not coalesce(o.headers ? 'started_at', false))) as o
  where not coalesce(o.headers ? 'started_at', false);
  if v_ids is null then
    return 0;
  end if;
  perform dreamlit._dequeue(q.queue, v_ids) from dreamlit._queues() as q where q.queue not in ('dreamlit_events', 'dreamlit_render');
  with held as (
    update dreamlit._messages as m set state = 'held' where m.message_id = any (v_ids) and m.state = 'queued'
    returning m.message_id, m.created_at, m.workflow_id
  )
  insert into dreamlit._held_messages (message_id, created_at, workflow_id, held_at, reason, claims)
  select h.message_id, h.created_at, h.workflow_id, dreamlit._now(), 'sandbox', u.claims
  from held as h join unnest(v_ids, v_claims) as u(message_id, claims) on u.message_id = h.message_id;
  return cardinality(v_ids);
end;
$$;
comment on function dreamlit._hold_messages() is
  'Holds the queued messages of workflows in the sandbox whose delivery has not begun, and returns how many.';

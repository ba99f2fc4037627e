-- The claims go on counting where they stood: a late report of an old one must not fit a new one. In the sandbox a message is
-- held again, unless it comes from a person who released it: who may have taken it before is not asked about any more then.
create or replace function dreamlit._queue_again(p_message_ids bigint[], p_created_at timestamptz[], p_released boolean default false, p_claims integer[] default null)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_queue record;
begin
  for v_queue in
    with again as (
      update dreamlit._messages as m set state = case when w.sandbox and not p_released then 'held' else 'queued' end, attempts = 0, settled_at = null, doubt = case when not p_released then m.doubt end
      from unnest(p_message_ids, p_created_at, p_claims) as u(message_id, created_at, claims), dreamlit._workflows as w
      where m.message_id = u.message_id and m.created_at = u.created_at and w.workflow_id = m.workflow_id
      returning m.message_id, m.created_at, m.workflow_id, m.channel, m.lane, m.state, coalesce(u.claims, 0) as claims
    ), held as (
      insert into dreamlit._held_messages (message_id, created_at, workflow_id, held_at, reason)
      select a.message_id, a.created_at, a.workflow_id, dreamlit._now(), 'sandbox' from again as a where a.state = 'held'
    )
    select dreamlit._outbox_queue(a.channel, a.lane) as name, a.channel, jsonb_agg(to_jsonb(a)) as messages
    from again as a where a.state = 'queued' group by a.channel, a.lane
  loop
    execute format($sql$
      insert into pgmq.%I (msg_id, read_ct, vt, message) overriding system value
      select m.message_id, greatest(m.claims, (select max(a.attempt) from dreamlit._attempts as a where a.message_id = m.message_id)), dreamlit._now(),
        jsonb_build_object('created_at', m.created_at, 'workflow_id', m.workflow_id) || case when $2 then '{"released": true}'::jsonb else '{}' end
      from jsonb_to_recordset($1) as m(message_id bigint, created_at timestamptz, workflow_id bigint, claims integer) $sql$, 'q_' || v_queue.name)
    using v_queue.messages, p_released;
    perform pg_notify('dreamlit_outbox', v_queue.channel);
  end loop;
end;
$$;
comment on function dreamlit._queue_again(bigint[], timestamptz[], boolean, integer[]) is
  'Puts messages that are in no queue back into their lane, with their attempts counted from none; those of workflows in the '
  'sandbox are held, unless released.';

-- Lock order: the caller holds the outbox rows; messages, tasks, runs.
create or replace function dreamlit._suppress_messages(p_message_ids bigint[], p_reasons text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_results dreamlit._result[];
  v_result dreamlit._result;
begin
  if p_message_ids is null then
    return;
  end if;
  perform dreamlit._dequeue(q.queue, p_message_ids) from dreamlit._queues() as q where q.queue not in ('dreamlit_events', 'dreamlit_render');
  v_result.verdict := 'suppressed';
  for v_result.message_id, v_result.task_id in
    update dreamlit._messages as m
    set state = 'suppressed', settled_at = dreamlit._now(), error = jsonb_build_object('fault', 'suppressed', 'message', u.reason)
    from unnest(p_message_ids, p_reasons) as u(message_id, reason)
    where m.message_id = any (p_message_ids) and m.message_id = u.message_id and m.state = 'queued'
    returning m.message_id, m.task_id
  loop
    v_results := v_results || v_result;
  end loop;
  perform dreamlit._settle_messages(v_results);
end;
$$;
comment on function dreamlit._suppress_messages(bigint[], text[]) is
  'Takes claimed messages that their recipients must not get off their queues and settles them as suppressed, with the reasons.';

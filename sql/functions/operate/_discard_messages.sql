create or replace function dreamlit._discard_messages(p_message_ids bigint[], p_delivered boolean) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._held_messages[] := array(select h from dreamlit._take_held(p_message_ids) as h);
  v_result dreamlit._result;
  v_results dreamlit._result[];
begin
  for v_result.message_id, v_result.task_id, v_result.error, v_result.verdict in
    update dreamlit._messages as m set
      state = case when p_delivered then 'sent' when h.reason = 'sandbox' then 'discarded' else 'failed' end,
      settled_at = dreamlit._now(), error = case when p_delivered then null else m.error end
    from unnest(v_held) as h
    where m.message_id = h.message_id and m.created_at = h.created_at
    returning m.message_id, m.task_id, m.error ->> 'message', m.state
  loop
    v_results := v_results || v_result;
  end loop;
  perform dreamlit._settle_messages(v_results);
  perform dreamlit._audit('discard', h.workflow_id, null, h.message_id, jsonb_build_object('reason', h.reason, 'delivered', p_delivered))
  from unnest(v_held) as h;
  return v_result.verdict;
end;
$$;
comment on function dreamlit._discard_messages(bigint[], boolean) is
  'Settles held messages without sending them and logs who said so; returns the state of the last.';

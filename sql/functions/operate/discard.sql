create or replace function dreamlit.discard(message_id bigint, delivered boolean default false) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._uncertain_messages := dreamlit._take_held($1);
  v_state constant text := case when delivered then 'sent' else 'failed' end;
  v_result dreamlit._result;
begin
  update dreamlit._messages as m set state = v_state, settled_at = dreamlit._now(), error = case when delivered then null else m.error end
  where m.message_id = v_held.message_id and m.created_at = v_held.created_at
  returning m.message_id, m.task_id, m.error ->> 'message' into v_result.message_id, v_result.task_id, v_result.error;
  v_result.verdict := v_state;
  perform dreamlit._settle_messages(array[v_result]);
  return v_state;
end;
$$;
comment on function dreamlit.discard(bigint, boolean) is
  'Settles a message that is held as uncertain without sending it again: as failed, or as sent if you know that it was '
  'delivered. Returns its state. Raises DL002, or DL003 if the message is not held.';
grant execute on function dreamlit.discard(bigint, boolean) to dreamlit_admin;

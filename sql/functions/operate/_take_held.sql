create or replace function dreamlit._take_held(p_message_id bigint) returns dreamlit._uncertain_messages
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._uncertain_messages;
  v_state text;
begin
  delete from dreamlit._uncertain_messages as u where u.message_id = p_message_id returning u.* into v_held;
  if found then
    return v_held;
  end if;
  select m.state into v_state from dreamlit._messages as m where m.message_id = p_message_id;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no message %s', p_message_id),
      hint = 'look in dreamlit.messages';
  end if;
  raise exception using errcode = 'DL003', message = format('message %s is %s, not held', p_message_id, v_state),
    hint = 'only messages whose state is uncertain can be released or discarded';
end;
$$;
comment on function dreamlit._take_held(bigint) is 'Takes a message out of the held ones and returns it; raises DL002 or DL003.';

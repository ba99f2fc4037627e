-- Lock order: the held rows by id; the caller goes on with messages, tasks, runs.
create or replace function dreamlit._take_held(p_message_ids bigint[]) returns setof dreamlit._held_messages
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_missing bigint;
  v_state text;
begin
  perform h.message_id from dreamlit._held_messages as h where h.message_id = any (p_message_ids) order by h.message_id for update;
  select u.message_id into v_missing
  from unnest(p_message_ids) as u(message_id)
  where not exists (select from dreamlit._held_messages as h where h.message_id = u.message_id) order by u.message_id limit 1;
  if not found then
    return query delete from dreamlit._held_messages as h where h.message_id = any (p_message_ids) returning h.*;
    return;
  end if;
  select m.state into v_state from dreamlit._messages as m where m.message_id = v_missing;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no message %s', v_missing),
      hint = 'look in dreamlit.messages';
  end if;
  raise exception using errcode = 'DL003', message = format('message %s is %s, not held', v_missing, v_state),
    hint = 'only messages whose state is held or uncertain can be released or discarded';
end;
$$;
comment on function dreamlit._take_held(bigint[]) is
  'Takes messages out of the held ones and returns them; raises DL002 or DL003 for the first that is not among them.';

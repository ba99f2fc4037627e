create or replace function dreamlit.set_message_preferences(message_id bigint, recipient text, choices jsonb) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_message constant dreamlit._messages := dreamlit._message_to($1, $2);
  v_choice record;
  v_changed integer := 0;
  v_left boolean := false;
begin
  perform dreamlit._check_choices($3);
  for v_choice in select c.key as topic, c.value::boolean as subscribed from jsonb_each($3) as c order by c.key loop
    if dreamlit._choose($2, v_choice.topic, '*', v_choice.subscribed, 'preferences page', v_message.recipient is null) then
      v_changed := v_changed + 1;
      v_left := v_left or not v_choice.subscribed;
    end if;
  end loop;
  if v_left then
    perform dreamlit._note_unsubscribed($1, $2, 'preferences page');
  end if;
  return v_changed;
end;
$$;
comment on function dreamlit.set_message_preferences(bigint, text, jsonb) is
  'Stores what a message''s recipient chose ({"news": false, "*": true}; * is everything) and returns how many choices changed. '
  'What is not named stays. Raises DL001 for choices that are not true or false, DL002 for an unknown topic, or if there is no '
  'such message to this recipient. Commit after it.';
grant execute on function dreamlit.set_message_preferences(bigint, text, jsonb) to dreamlit_sender;

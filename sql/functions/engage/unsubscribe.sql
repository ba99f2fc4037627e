create or replace function dreamlit.unsubscribe(message_id bigint, recipient text, via text default 'link') returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_message constant dreamlit._messages := dreamlit._message_to($1, $2);
  v_topic constant text := coalesce(v_message.content ->> 'topic', '*');
begin
  if dreamlit._choose($2, v_topic, '*', false, left($3, 100), v_message.recipient is null) then
    perform dreamlit._note_unsubscribed($1, $2, $3);
  end if;
  return coalesce((select t.title from dreamlit._topics as t where t.topic = v_topic), case when v_topic = '*' then 'all' else v_topic end);
end;
$$;
comment on function dreamlit.unsubscribe(bigint, text, text) is
  'Turns a message''s topic off for its recipient, or all topics if it has none, and returns the topic''s title or all. May be '
  'repeated. Messages that wait for a sender are stopped when they are claimed; transactional ones still go. Raises DL002 if there '
  'is no such message to this recipient. Commit after it.';
grant execute on function dreamlit.unsubscribe(bigint, text, text) to dreamlit_sender;

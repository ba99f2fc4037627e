create or replace function dreamlit.message_preferences(message_id bigint, recipient text)
returns table (topic text, title text, description text, subscribed boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_hash constant bytea := dreamlit._address_hash($2);
begin
  perform dreamlit._message_to($1, $2);
  return query
    select null::text, null::text, null::text, dreamlit._own_choice(v_hash, '*', 'email')
    union all
    select t.* from (
      select k.topic, k.title, k.description, dreamlit._own_choice(v_hash, k.topic, 'email') from dreamlit._topics as k order by k.title, k.topic) as t;
end;
$$;
comment on function dreamlit.message_preferences(bigint, text) is
  'Returns what a message''s recipient chose: first a row without a topic for everything, then a row a topic in the order of titles. '
  'A topic''s own choice stays beside that for everything; mail goes where both say yes. Raises DL002 if there is no such message '
  'to this recipient.';
grant execute on function dreamlit.message_preferences(bigint, text) to dreamlit_sender;

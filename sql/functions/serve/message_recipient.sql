-- A link carries a hash, for links stand in logs. Whoever has neither the link nor the address learns nothing here.
create or replace function dreamlit.message_recipient(message_id bigint, recipient_hash bytea) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select m.recipient from dreamlit._messages as m
  where m.message_id = $1 and m.channel = 'email' and $2 = substr(sha256(convert_to(format('%s:%s', m.message_id, coalesce(m.content #>> '{to,0}', m.recipient)), 'UTF8')), 1, 16);
$$;
comment on function dreamlit.message_recipient(bigint, bytea) is
  'Returns the recipient of a message to whom a link in it belongs; null if the message is not kept any more or the hash is another''s.';
grant execute on function dreamlit.message_recipient(bigint, bytea) to dreamlit_sender;

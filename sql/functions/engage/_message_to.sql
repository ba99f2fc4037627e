-- Somebody who was erased must still be able to say no: the link is signed, so the address that it brings is believed.
create or replace function dreamlit._message_to(p_message_id bigint, p_recipient text) returns dreamlit._messages
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_message dreamlit._messages;
begin
  select m.* into v_message from dreamlit._messages as m
  where m.message_id = p_message_id and m.channel = 'email' and dreamlit._is_address(p_recipient)
    and (dreamlit._mailbox(m.recipient) = dreamlit._mailbox(p_recipient) or m.recipient is null and m.content ? 'erased');
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no message %s to this recipient', coalesce(p_message_id::text, 'null')),
      hint = 'take both from the link of one message';
  end if;
  return v_message;
end;
$$;
comment on function dreamlit._message_to(bigint, text) is
  'Returns an email by its id and recipient; raises DL002 if there is none, or it went to somebody else.';

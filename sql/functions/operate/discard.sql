create or replace function dreamlit.discard(message_id bigint, delivered boolean default false) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return dreamlit._discard_messages(array[$1], $2);
end;
$$;
comment on function dreamlit.discard(bigint, boolean) is
  'Settles a held message without sending it: one of the sandbox as discarded, and its run goes on; an uncertain one as failed, or '
  'as sent if you know that it was delivered. Returns its state. Raises DL002, or DL003 if the message is not held.';
grant execute on function dreamlit.discard(bigint, boolean) to dreamlit_admin;

create or replace function dreamlit.release(message_id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._release_messages(array[$1]);
  return 'queued';
end;
$$;
comment on function dreamlit.release(bigint) is
  'Sends a held message: one of the sandbox, or an uncertain one once more, on your word that it did not arrive or may arrive '
  'twice. Returns its state. Raises DL002, or DL003 if the message is not held.';
grant execute on function dreamlit.release(bigint) to dreamlit_admin;

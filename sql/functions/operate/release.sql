create or replace function dreamlit.release(message_id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._uncertain_messages := dreamlit._take_held($1);
begin
  perform dreamlit._queue_again(array[v_held.message_id], array[v_held.created_at]);
  return 'queued';
end;
$$;
comment on function dreamlit.release(bigint) is
  'Sends a message that is held as uncertain once more, on your word that it did not arrive or may arrive twice. Returns its '
  'state. Raises DL002, or DL003 if the message is not held.';
grant execute on function dreamlit.release(bigint) to dreamlit_admin;

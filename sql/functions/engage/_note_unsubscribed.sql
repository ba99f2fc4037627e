-- Once a message: who goes back and forth on the preferences page has left once.
create or replace function dreamlit._note_unsubscribed(p_message_id bigint, p_recipient text, p_via text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._ensure_partitions();
  perform dreamlit._record_engagement(jsonb_build_array(jsonb_build_object(
    'provider', 'dreamlit', 'event_id', 'unsubscribed ' || p_message_id, 'kind', 'unsubscribed', 'at', dreamlit._now(),
    'message_id', p_message_id, 'recipient', p_recipient, 'raw', jsonb_build_object('via', left(p_via, 100)))));
end;
$$;
comment on function dreamlit._note_unsubscribed(bigint, text, text) is 'Stores that a message''s recipient unsubscribed.';

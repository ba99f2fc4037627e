-- The only statement of ours that writes in somebody else's transaction. Static: pgmq.send would plan anew at every call.
create or replace function dreamlit._enqueue(p_version_id bigint, p_operation text, p_events jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('dreamlit.advancing', true) = 'on' then
    raise exception using errcode = 'DL006',
      message = 'a workflow''s own SQL changed a table that a workflow watches',
      hint = 'take the write out of the function that the step calls: a workflow must not set itself off';
  end if;
  insert into pgmq.q_dreamlit_events (vt, message, headers)
  values (
    now(), jsonb_build_object('version', p_version_id, 'operation', p_operation, 'events', p_events),
    -- The worker sizes its batches by this, and knows whose they are, without reading the message.
    case when jsonb_array_length(p_events) > 1 then jsonb_build_object('version', p_version_id, 'events', jsonb_array_length(p_events)) end);
end;
$$;
comment on function dreamlit._enqueue(bigint, text, jsonb) is
  'Puts captured rows into the event queue in the caller''s transaction. Publishers may call it, because their trigger '
  'functions run as them.';

create or replace function dreamlit._erase_waiting_events(p_mentions text) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_row record;
  v_kept jsonb;
  v_erased bigint := 0;
begin
  for v_row in
    select q.msg_id, q.enqueued_at, q.message, v.workflow_id, v.version_id
    from pgmq.q_dreamlit_events as q join dreamlit._versions as v on to_jsonb(v.version_id) = q.message -> 'version'
    where q.message::text ~* p_mentions and jsonb_typeof(q.message -> 'events') = 'array' order by q.msg_id for update of q
  loop
    select coalesce(jsonb_agg(e.value order by e.n) filter (where e.value::text !~* p_mentions), '[]') into v_kept
    from jsonb_array_elements(v_row.message -> 'events') with ordinality as e(value, n);
    insert into dreamlit._ignored_events (event_id, workflow_id, version_id, operation, payload, occurred_at, reason, ignored_at)
    select nextval('dreamlit._event_id_seq'), v_row.workflow_id, v_row.version_id, v_row.message ->> 'operation', '{"erased": true}', v_row.enqueued_at, 'erased', dreamlit._now()
    from generate_series(1, jsonb_array_length(v_row.message -> 'events') - jsonb_array_length(v_kept));
    v_erased := v_erased + jsonb_array_length(v_row.message -> 'events') - jsonb_array_length(v_kept);
    update pgmq.q_dreamlit_events as q set message = q.message || jsonb_build_object('events', v_kept), headers = coalesce(q.headers, '{}') || jsonb_build_object('events', jsonb_array_length(v_kept))
    where q.msg_id = v_row.msg_id and v_kept <> '[]';
    delete from pgmq.q_dreamlit_events as q where q.msg_id = v_row.msg_id and v_kept = '[]';
  end loop;
  return v_erased;
end;
$$;
comment on function dreamlit._erase_waiting_events(text) is
  'Takes the events that mention an address out of the queue, logs each as ignored without its payload, and returns how many.';

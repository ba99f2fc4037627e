create or replace function dreamlit._launch_event(p_version_id bigint, p_operation text, p_event jsonb) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_msg_id bigint;
  v_run_id bigint;
begin
  insert into pgmq.q_dreamlit_events (vt, message)
  values (now(), jsonb_build_object('version', p_version_id, 'operation', p_operation, 'events', jsonb_build_array(p_event)))
  returning msg_id into v_msg_id;
  perform dreamlit._launch_runs(1, v_msg_id);
  select r.run_id into v_run_id from dreamlit._runs as r
  where r.run_id = currval(pg_get_serial_sequence('dreamlit._runs', 'run_id')) and r.event_id = currval('dreamlit._event_id_seq');
  return v_run_id;
end;
$$;
comment on function dreamlit._launch_event(bigint, text, jsonb) is
  'Starts the run of one event at once and returns its id; null if an open run has its key.';

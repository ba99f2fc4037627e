-- A delivery that began and whose lease has ended: nobody knows whether the provider took the message.
create or replace function dreamlit._reap() returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_results jsonb;
begin
  select jsonb_agg(jsonb_build_object('message_id', o.message_id, 'attempt', o.read_ct, 'outcome', 'failed', 'fault', 'unknown',
    'code', 'interrupted', 'error', format('the sender %s began to deliver and was not heard of again', o.headers ->> 'sender')))
  into v_results
  from dreamlit._outbox as o
  where o.ready_at <= dreamlit._now() and o.headers ? 'started_at';
  if v_results is null then
    return 0;
  end if;
  perform dreamlit._report_messages(dreamlit._read_results('reaper', v_results));
  return jsonb_array_length(v_results);
end;
$$;
comment on function dreamlit._reap() is
  'Treats interrupted deliveries as the step''s when_uncertain says, and returns how many there were.';

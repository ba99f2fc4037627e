-- A delivery that began and whose lease has ended: nobody knows whether the provider took the message. One that knows a message
-- again is asked again, within the day for which it does.
create or replace function dreamlit._reap() returns integer
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_results jsonb;
begin
  select jsonb_agg(jsonb_build_object('message_id', o.message_id, 'attempt', o.read_ct, 'outcome', 'failed',
    'fault', case when o.repeatable then 'transient' else 'unknown' end, 'doubtful', o.repeatable, 'provider', o.headers ->> 'idempotent',
    'code', 'interrupted', 'error', format('the sender %s began to deliver and was not heard of again', o.headers ->> 'sender')))
  into v_results
  from (
    select q.*, q.headers ? 'idempotent' and (q.headers ->> 'started_at')::timestamptz > dreamlit._now() - dreamlit._key_kept() as repeatable
    from dreamlit._outbox as q) as o
  where o.ready_at <= dreamlit._now() and o.headers ? 'started_at';
  if v_results is null then
    return 0;
  end if;
  perform dreamlit._report_messages(dreamlit._read_results('reaper', v_results));
  return jsonb_array_length(v_results);
end;
$$;
comment on function dreamlit._reap() is
  'Treats interrupted deliveries as the step''s when_uncertain says, or queues them again where the provider takes each message once; '
  ' returns how many there were.';

create or replace function dreamlit._report_messages(p_results dreamlit._result[]) returns table (message_id bigint, state text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_started bigint[];
  v_finished dreamlit._result[] := array(select r from unnest(p_results) as r where r.verdict not in ('start', 'release', 'stale') order by r.message_id);
begin
  if cardinality(p_results) = 0 then
    return;
  end if;
  v_started := dreamlit._mark_started(array(select r from unnest(p_results) as r where r.verdict = 'start'));
  perform dreamlit._requeue(r.queue, array_agg(r.message_id), array_agg(case r.verdict
      when 'retry' then greatest(dreamlit._retry_at(r.channel, r.attempts + 1), dreamlit._now() + make_interval(secs => coalesce(r.retry_after, 0)))
      when 'wait' then dreamlit._now() + make_interval(secs => least(r.retry_after, 3600))
      else dreamlit._now() end))
  from unnest(p_results) as r
  where r.verdict in ('retry', 'block', 'wait', 'release')
  group by r.queue;
  perform dreamlit._dequeue(r.queue, array_agg(r.message_id))
  from unnest(v_finished) as r where r.verdict in ('sent', 'failed', 'uncertain') and r.queue is not null
  group by r.queue;
  perform dreamlit._record_attempts(v_finished);
  perform dreamlit._record_messages(v_finished);
  perform dreamlit._block_channels(v_finished);
  perform dreamlit._settle_messages(v_finished);
  return query
    select r.message_id, case r.verdict
      when 'start' then case when s.message_id is not null then 'sending' else 'queued' end
      when 'stale' then 'lost'
      when 'sent' then 'sent' when 'failed' then 'failed' when 'uncertain' then 'uncertain'
      else 'queued' end
    from unnest(p_results) as r left join unnest(v_started) as s(message_id) on s.message_id = r.message_id;
end;
$$;
comment on function dreamlit._report_messages(dreamlit._result[]) is
  'Carries out the verdicts on messages and returns the state of each.';

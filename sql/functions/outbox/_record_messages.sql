-- Messages are looked up by their ids, whatever a plan that was made while there were few believes: a join by itself read the day's
-- messages by BRIN, which knows nothing of what autovacuum has not seen yet; without bitmap scans it could still take 36 times as long.
create or replace function dreamlit._record_messages(p_results dreamlit._result[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_ids constant bigint[] := array(select r.message_id from unnest(p_results) as r);
  v_first timestamptz;
  v_last timestamptz;
begin
  select min(r.created_at), max(r.created_at) into v_first, v_last from unnest(p_results) as r;
  delete from dreamlit._held_messages as u
  where u.message_id = any (array(select r.message_id from unnest(p_results) as r where r.verdict = 'sent'));

  update dreamlit._messages as m set
    state = case r.verdict when 'retry' then 'queued' when 'block' then 'queued' when 'wait' then 'queued' else r.verdict end,
    attempts = m.attempts + case when r.verdict in ('block', 'wait') then 0 else 1 end,
    error = case when r.verdict <> 'sent' then jsonb_strip_nulls(jsonb_build_object('fault', case when r.verdict = 'wait' then 'limited' else r.fault end, 'code', r.code, 'message', r.error)) end,
    provider = coalesce(r.provider, m.provider),
    provider_id = coalesce(r.provider_id, m.provider_id),
    doubt = case
      when r.fault = 'unknown' and r.code = 'asked_of' then null  -- no sender could ask it again: held, or tried again as the step says
      when (r.fault = 'unknown' or r.doubtful) and r.provider is not null
        then coalesce(m.doubt, jsonb_build_object('provider', r.provider, 'since', coalesce(r.started_at, dreamlit._now())))
      else m.doubt end,
    settled_at = case when r.verdict in ('sent', 'failed') then dreamlit._now() end
  from unnest(p_results) as r
  where m.message_id = any (v_ids) and m.created_at between v_first and v_last
    and m.message_id = r.message_id and m.created_at = r.created_at;

  insert into dreamlit._held_messages (message_id, created_at, workflow_id, held_at, reason)
  select m.message_id, m.created_at, m.workflow_id, dreamlit._now(), 'uncertain'
  from unnest(p_results) as r
  cross join lateral (
    select m.* from dreamlit._messages as m
    where m.message_id = r.message_id and m.created_at = r.created_at and m.created_at between v_first and v_last
    limit 1) as m
  where r.verdict = 'uncertain'
  on conflict do nothing;
end;
$$;
comment on function dreamlit._record_messages(dreamlit._result[]) is
  'Writes the verdicts into the messages, and holds the uncertain ones for a person.';

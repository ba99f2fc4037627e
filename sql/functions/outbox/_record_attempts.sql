create or replace function dreamlit._record_attempts(p_results dreamlit._result[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into dreamlit._attempts (message_id, attempt, sender, started_at, finished_at, outcome, fault, code, error, provider, provider_id, message_created_at)
  select r.message_id, r.attempt, r.sender, r.started_at, dreamlit._now(),
    case when r.outcome = 'sent' then 'sent' when r.fault = 'unknown' then 'unknown' else 'failed' end,
    case when r.verdict = 'wait' then 'limited' else r.fault end, r.code, r.error, r.provider, r.provider_id, r.created_at
  from unnest(p_results) as r;
end;
$$;
comment on function dreamlit._record_attempts(dreamlit._result[]) is 'Logs finished attempts.';

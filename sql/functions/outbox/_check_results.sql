create or replace function dreamlit._check_results(p_results jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
begin
  if jsonb_typeof(p_results) is distinct from 'array' then
    raise exception using errcode = 'DL001', message = 'the results are no JSON list',
      hint = 'send [{"message_id", "attempt", "outcome"}]';
  end if;
  select r.outcome, r.fault into v_wrong
  from jsonb_to_recordset(p_results) as r(message_id bigint, attempt integer, outcome text, fault text)
  where r.message_id is null or r.attempt is null or r.outcome is null
    or r.outcome not in ('started', 'sent', 'failed', 'released', 'rendered')
    or (r.outcome = 'failed' and coalesce(r.fault, '') not in ('recipient', 'configuration', 'transient', 'unknown'))
  limit 1;
  if found then
    raise exception using errcode = 'DL001',
      message = format('a result with outcome %s and fault %s is not understood', v_wrong.outcome, v_wrong.fault),
      hint = 'give message_id, attempt and a known outcome; run a sender of this database''s release';
  end if;
end;
$$;
comment on function dreamlit._check_results(jsonb) is 'Raises DL001 for results without an id or with an unknown outcome.';

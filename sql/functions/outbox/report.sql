-- The other half of claim: facts in, decisions here. Lock order: outbox rows, messages, tasks, runs.
create or replace function dreamlit.report(sender text, results jsonb) returns table (message_id bigint, state text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_results dreamlit._result[];
begin
  perform dreamlit._check_results($2);
  perform dreamlit._see_sender($1, null);
  perform dreamlit._ensure_partitions();
  v_results := dreamlit._read_results($1, $2);
  return query
    select r.* from dreamlit._report_renderings(array(select r from unnest(v_results) as r where r.queue = 'dreamlit_render')) as r;
  return query
    select r.* from dreamlit._report_messages(array(select r from unnest(v_results) as r where r.queue is distinct from 'dreamlit_render')) as r;
end;
$$;
comment on function dreamlit.report(text, jsonb) is
  'Takes a batch of outcomes ([{"message_id", "attempt", "outcome": started, sent, failed, released or rendered, "fault", '
  '"code", "error", "retry_after", "provider", "provider_id", "content", "idempotent", "doubtful"}]) and decides what becomes of each message. Returns '
  'each one''s state; deliver after reporting started only what comes back as sending. Outcomes of messages that are settled '
  'already change nothing, so a report may be repeated. A start with a provider that is idempotent is tried again if it is interrupted; '
  'doubtful is a failure after which only the same provider may be asked. Raises DL001 for an outcome or fault that it does not know. Commit '
  'after it.';
grant execute on function dreamlit.report(text, jsonb) to dreamlit_sender;

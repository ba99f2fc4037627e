-- The messages' days are bounded by what their outbox rows say, so that other days are not looked at, however many are kept.
create or replace function dreamlit._read_results(p_sender text, p_results jsonb) returns dreamlit._result[]
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_read dreamlit._result[];
begin
  with results as materialized (
    select j.*, row_number() over (partition by j.message_id, j.outcome = 'started' order by j.n) > 1 and j.outcome <> 'started' as repeated
    from rows from (jsonb_to_recordset(p_results) as (
      message_id bigint, attempt integer, outcome text, fault text, code text, error text,
      retry_after double precision, provider text, provider_id text, content jsonb, idempotent boolean, doubtful boolean)
    ) with ordinality as j(message_id, attempt, outcome, fault, code, error, retry_after, provider, provider_id, content, idempotent, doubtful, n)
  ), outbox as materialized (
    select o.*, (o.message ->> 'created_at')::timestamptz as created_at from dreamlit._lock_outbox(array(select r.message_id from results as r)) as o
  ), held as (
    -- After the outbox rows. Locked, so that what a person releases at this moment is not also settled here.
    select h.message_id, h.created_at from dreamlit._held_messages as h
    where h.message_id = any (array(select r.message_id from results as r)) and (select count(*) from outbox) >= 0
    order by h.message_id for update
  ), days as (
    select min(k.created_at) as first, max(k.created_at) as last
    from (select o.created_at from outbox as o union all select h.created_at from held as h) as k
  )
  select coalesce(array_agg((
    r.message_id, m.created_at, o.queue, m.channel, coalesce(m.task_id, (o.message ->> 'task_id')::bigint), r.attempt,
    coalesce(o.headers ->> 'sender', p_sender),
    (o.headers ->> 'started_at')::timestamptz, r.outcome, r.fault, left(r.code, 100), left(r.error, 2000),
    r.retry_after, r.provider, r.provider_id, r.content, m.attempts,
    case
      when r.repeated then 'stale'
      -- Given back, claimed by somebody else since, or settled: only a delivery still counts, because it happened.
      when (o.read_ct = r.attempt and o.headers ? 'sender') is not true and r.outcome <> 'sent' then 'stale'
      when r.attempt not between 1 and o.read_ct then 'stale'
      when o.message_id is null and m.message_id is null then 'stale'
      else dreamlit._verdict(r.outcome, r.fault, m.attempts + 1, coalesce(s.max_attempts, 10), coalesce(s.settings ->> 'when_uncertain', 'retry'), r.retry_after)
    end, r.idempotent, r.doubtful)::dreamlit._result order by r.n), '{}')
  into v_read
  from results as r
  left join outbox as o on o.message_id = r.message_id
  left join held as u on u.message_id = r.message_id
  left join lateral (  -- one look at a key for each, never a day's messages at once
    select m.* from dreamlit._messages as m
    where m.message_id = r.message_id and m.created_at = coalesce(o.created_at, u.created_at)
      and m.created_at between (select d.first from days as d) and (select d.last from days as d)
    limit 1) as m on true
  left join dreamlit._steps as s on s.step_id = m.step_id;
  return v_read;
end;
$$;
comment on function dreamlit._read_results(text, jsonb) is
  'Returns a report''s results with their outbox rows, which it locks as it does held ones, and the verdict on each.';

-- Some things are looked at once more before a message leaves: its run was being cancelled while it was posted, which cancel_run
-- could not see; its recipient has been suppressed since, or has turned its topic off, so an unsubscribe beats a queued message; the
-- recipient's night has come; or a provider may have taken it so long ago that it would not know the message again. Messages of
-- topics are asked only while somebody has chosen, or the hours are set.
create or replace function dreamlit._claim_messages(
  p_queue text, p_quantity integer, p_lease interval, p_sender text,
  out claimed dreamlit._claimed[], out cancelled bigint[], out suppressed bigint[], out reasons text[], out expired jsonb)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_leased dreamlit._claimed[] := dreamlit._lease(p_queue, p_quantity, p_lease, p_sender);
  v_first timestamptz;
  v_last timestamptz;
  v_suppressing constant boolean := exists (select from dreamlit._suppressions);
  v_choosing constant boolean := exists (select from dreamlit._preferences);
  v_hours constant jsonb := (select s.value from dreamlit._settings as s where s.name = 'quiet_hours' and s.value <> 'null');
  v_later bigint[];
  v_until timestamptz[];
begin
  if v_leased is null then
    return;
  end if;
  select min((l.content ->> 'created_at')::timestamptz), max((l.content ->> 'created_at')::timestamptz) into v_first, v_last from unnest(v_leased) as l;
  with looked as (
    select l.message_id, l.attempt, l.lease_until, m.doubt ->> 'provider' as asked_of, coalesce(r.cancelling, false) as cancelled,
      case when m.doubt is not null and (m.doubt ->> 'since')::timestamptz < dreamlit._now() - dreamlit._key_kept() then exists (
        select from dreamlit._steps as s where s.step_id = m.step_id and s.settings ->> 'when_uncertain' = 'hold') else false end as expired,
      case when m.channel = 'email' and v_suppressing
        and (m.content -> 'cc' <> '[]' or m.content -> 'bcc' <> '[]') then dreamlit._without_suppressed(m.content) else m.content end as content,
      case when m.channel = 'email' and v_suppressing then (
        select concat('the address is suppressed: ', s.reason) from dreamlit._suppressions as s
        where s.address_hash = dreamlit._address_hash(m.recipient)) end as suppressed,
      case when m.channel = 'email' and v_choosing then case when m.content ? 'topic' then
        dreamlit._objection(m.recipient, m.content ->> 'topic', m.channel) end end as objection,
      case when m.channel = 'email' and v_hours is not null then case when m.content ? 'topic' then
        dreamlit._quiet_until(v_hours, m.content ->> 'timezone', dreamlit._now()) end end as quiet_until
    from unnest(v_leased) as l
    cross join lateral (  -- one look at a key for each, never a day's messages at once
      select m.* from dreamlit._messages as m
      where m.message_id = l.message_id and m.created_at = (l.content ->> 'created_at')::timestamptz and m.created_at between v_first and v_last
      limit 1) as m
    left join lateral (select r.cancelling from dreamlit._runs as r where r.run_id = m.run_id limit 1) as r on true
  ), decided as materialized (
    select k.*, case when k.cancelled then 'cancelled' when coalesce(k.suppressed, k.objection) is not null then 'suppressed'
      when k.expired then 'expired' when k.quiet_until is not null then 'later' else 'claimed' end as decision
    from looked as k
  )
  select array_agg(k.message_id) filter (where k.decision = 'cancelled'),
    array_agg(k.message_id) filter (where k.decision = 'suppressed'),
    array_agg(coalesce(k.suppressed, k.objection)) filter (where k.decision = 'suppressed'),
    jsonb_agg(jsonb_build_object('message_id', k.message_id, 'attempt', k.attempt, 'outcome', 'failed', 'fault', 'unknown', 'code', 'key_expired',
      'error', format('%s may have taken it more than %s ago, and would not know it again', k.asked_of, dreamlit._key_kept()), 'provider', k.asked_of))
      filter (where k.decision = 'expired'),
    array_agg(k.message_id) filter (where k.decision = 'later'),
    array_agg(k.quiet_until) filter (where k.decision = 'later'),
    array_agg((k.message_id, k.attempt, k.content, k.lease_until, k.asked_of)::dreamlit._claimed order by k.message_id) filter (where k.decision = 'claimed')
  into cancelled, suppressed, reasons, expired, v_later, v_until, claimed
  from decided as k;
  if v_later is not null then
    perform dreamlit._requeue(p_queue, v_later, v_until);
  end if;
end;
$$;
comment on function dreamlit._claim_messages(text, integer, interval, text) is
  'Leases messages of one queue: those to be delivered, the ids of those to be cancelled or suppressed instead, with the reasons '
  'why, and what to report of those that must not be repeated any more. Those that come into their recipients'' quiet hours are '
  'put off.';

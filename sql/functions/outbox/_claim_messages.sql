-- Two things are looked at once more before a message leaves: its run was being cancelled while it was posted, which cancel_run
-- could not see; its recipient has been suppressed since, so an unsubscribe beats a queued message.
-- And a third: a provider may have taken it so long ago that it would not know the message again.
create or replace function dreamlit._claim_messages(
  p_queue text, p_quantity integer, p_lease interval, p_sender text,
  out claimed dreamlit._claimed[], out cancelled bigint[], out suppressed bigint[], out expired jsonb)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_began_at constant timestamptz := clock_timestamp();
  v_from constant bigint := dreamlit._low_mark(p_queue);
  v_count integer;
  v_last timestamptz;
begin
  execute format($sql$
    with leased as (%s), looked as (
      select l.msg_id, l.read_ct, l.vt, m.doubt ->> 'provider' as asked_of,
        case when m.doubt is not null and (m.doubt ->> 'since')::timestamptz < dreamlit._now() - dreamlit._key_kept() then exists (
          select from dreamlit._steps as s where s.step_id = m.step_id and s.settings ->> 'when_uncertain' = 'hold') else false end as expired,
        coalesce(r.cancelling, false) as cancelled,
        case when m.channel = 'email' and exists (select from dreamlit._suppressions)
          and (m.content -> 'cc' <> '[]' or m.content -> 'bcc' <> '[]') then dreamlit._without_suppressed(m.content) else m.content end as content,
        case when m.channel = 'email' and exists (select from dreamlit._suppressions)
          then exists (select from dreamlit._suppressions as s where s.address_hash = dreamlit._address_hash(m.recipient)) else false end as suppressed
      from leased as l
      join dreamlit._messages as m on m.message_id = l.msg_id and m.created_at = (l.message ->> 'created_at')::timestamptz
      left join dreamlit._runs as r on r.run_id = m.run_id
    )
    select array_agg(k.msg_id) filter (where k.cancelled),
      array_agg(k.msg_id) filter (where k.suppressed and not k.cancelled),
      array_agg((k.msg_id, k.read_ct, k.content, k.vt, k.asked_of)::dreamlit._claimed order by k.msg_id) filter (where not k.cancelled and not k.suppressed and not k.expired),
      jsonb_agg(jsonb_build_object('message_id', k.msg_id, 'attempt', k.read_ct, 'outcome', 'failed', 'fault', 'unknown', 'code', 'key_expired',
        'error', format('%%s may have taken it more than %%s ago, and would not know it again', k.asked_of, dreamlit._key_kept()), 'provider', k.asked_of))
        filter (where k.expired and not k.cancelled and not k.suppressed),
      (select count(*) from leased), (select max(l.ready_at) from leased as l)
    from looked as k $sql$, dreamlit._lease_sql(p_queue))
  into cancelled, suppressed, claimed, expired, v_count, v_last using p_quantity, p_lease, p_sender, v_from;
  perform dreamlit._set_low_mark(
    p_queue, v_from, dreamlit._mark(case when v_count < p_quantity then dreamlit._now() else v_last end), v_count < p_quantity, v_began_at);
end;
$$;
comment on function dreamlit._claim_messages(text, integer, interval, text) is
  'Leases messages of one queue: those to be delivered, and the ids of those to be cancelled or suppressed instead, '
  'and what to report of those that must not be repeated any more.';

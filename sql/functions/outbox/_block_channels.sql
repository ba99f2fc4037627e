-- A configuration fault stops the channel for 5 s, doubling to 5 min, until a delivery succeeds; of deliveries under way at once
-- only the first fault counts. Retry-After stops it for as long as the provider says, and no success of an earlier start
-- shortens that.
create or replace function dreamlit._block_channels(p_results dreamlit._result[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update dreamlit._channels as c set
    failures = case when b.blocked then c.failures + b.counts when b.sent then 0 else c.failures end,
    blocked_until = case
      when b.blocked and b.counts = 1 then greatest(b.until, c.blocked_until, dreamlit._now() + least(interval '5 seconds' * 2 ^ least(c.failures, 10), interval '5 minutes'))
      when b.sent and c.reason ->> 'fault' = 'configuration' then coalesce(b.until, '-infinity')
      else greatest(b.until, c.blocked_until) end,
    reason = case
      when b.blocked or b.until > c.blocked_until then b.reason
      when b.sent and (c.reason ->> 'fault' = 'configuration' or c.blocked_until <= dreamlit._now()) then null
      else c.reason end
  from (
    select s.channel, s.blocked, s.sent, s.reason,
      dreamlit._now() + make_interval(secs => s.retry_after) as until,
      case when h.failures = 0 or h.blocked_until <= dreamlit._now() then 1 else 0 end as counts
    from (
      select r.channel, bool_or(r.verdict = 'block') as blocked, max(least(r.retry_after, 3600)) filter (where r.retry_after > 0) as retry_after, bool_or(r.verdict = 'sent') as sent,
        (array_agg(jsonb_strip_nulls(jsonb_build_object('fault', r.fault, 'code', r.code, 'message', r.error)) order by r.verdict = 'block' desc, r.retry_after desc nulls last)
          filter (where r.verdict = 'block' or r.retry_after > 0))[1] as reason
      from unnest(p_results) as r
      group by r.channel
    ) as s join dreamlit._channels as h on h.channel = s.channel
  ) as b
  where c.channel = b.channel and (b.blocked or b.until is not null or (b.sent and c.reason is not null));
end;
$$;
comment on function dreamlit._block_channels(dreamlit._result[]) is
  'Stops channels after a configuration fault or a provider''s Retry-After, and opens them again after a delivery.';

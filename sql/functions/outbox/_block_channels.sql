-- A configuration fault stops the channel for 5 s, doubling to 5 min, until a delivery succeeds; Retry-After stops it for as long as the provider says.
create or replace function dreamlit._block_channels(p_results dreamlit._result[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update dreamlit._channels as c set
    failures = case when b.blocked then c.failures + 1 else 0 end,
    blocked_until = case
      when b.blocked then dreamlit._now() + least(interval '5 seconds' * 2 ^ least(c.failures, 10), interval '5 minutes')
      when b.retry_after > 0 then dreamlit._now() + make_interval(secs => least(b.retry_after, 3600))
      else '-infinity' end,
    reason = case when b.blocked or b.retry_after > 0 then b.reason end
  from (
    select r.channel, bool_or(r.verdict = 'block') as blocked, max(r.retry_after) as retry_after, bool_or(r.verdict = 'sent') as sent,
      (array_agg(jsonb_strip_nulls(jsonb_build_object('fault', r.fault, 'code', r.code, 'message', r.error)) order by r.verdict = 'block' desc, r.retry_after desc nulls last)
        filter (where r.verdict = 'block' or r.retry_after > 0))[1] as reason
    from unnest(p_results) as r
    group by r.channel
  ) as b
  where c.channel = b.channel and (b.blocked or b.retry_after > 0 or (b.sent and c.reason is not null));
$$;
comment on function dreamlit._block_channels(dreamlit._result[]) is
  'Stops channels after a configuration fault or a provider''s Retry-After, and opens them again after a delivery.';

-- Leases ready messages to a sender, lane after lane. Paused workflows and blocked channels are a predicate here, never moved
-- rows.
create or replace function dreamlit.claim(
  channel text, sender text, quantity integer, lease interval default null,
  lanes text[] default array['alert', 'urgent', 'bulk'], release text default '0.1.0',
  provider text default null)
returns table (message_id bigint, attempt integer, content jsonb, templates jsonb, lease_until timestamptz, asked_of text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_lease constant interval := coalesce($4, (dreamlit._setting('lease') #>> '{}')::interval);
  v_queue text;
  v_left integer := least($3, 1000);
  v_buckets dreamlit._buckets[];
  v_quantity integer;
  v_rows integer;
  v_claimed record;
  v_cancelled bigint[];
  v_suppressed bigint[];
  v_reasons text[];
  v_expired jsonb;
  v_paced constant boolean := $1 = 'slack' and (dreamlit._setting('slack_pace') #>> '{}')::interval > interval '0';
  v_cap constant jsonb := case when $1 = 'email' then (select s.value from dreamlit._settings as s where s.name = 'frequency_cap' and s.value <> 'null') end;
  v_counting dreamlit._claimed[];
begin
  perform dreamlit._check_release($6);
  perform dreamlit._check_claim($1, $3, v_lease, $5);
  perform dreamlit._see_sender($2, case when $5 <> array['alert'] then $1 end, $6);
  if dreamlit._now() < (select c.blocked_until from dreamlit._channels as c where c.channel = $1) then
    return;
  end if;
  v_buckets := dreamlit._open_buckets($1, $7);
  if v_buckets <> '{}' then
    v_left := least(v_left, (select floor(min(dreamlit._tokens(b)))::integer from unnest(v_buckets) as b));
    v_quantity := v_left;
  end if;
  if v_paced then
    perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('pace'));
  end if;
  foreach v_queue in array case when $1 = 'render' then array['dreamlit_render'] else array(
    select dreamlit._outbox_queue($1, l.lane) from unnest(array['alert', 'urgent', 'bulk']) with ordinality as l(lane, n)
    where l.lane = any ($5) order by l.n) end
  loop
    exit when v_left <= 0;
    if $1 = 'render' then
      return query select r.*, null::text from dreamlit._claim_renderings(v_left, v_lease, $2) as r;
      get diagnostics v_rows = row_count;
    else
      select * into v_claimed from dreamlit._claim_messages(v_queue, case when v_paced then 1000 else v_left end, v_lease, $2);
      if v_paced then
        v_claimed.claimed := dreamlit._pace_messages(v_queue, v_claimed.claimed, v_left);
      end if;
      v_cancelled := v_cancelled || v_claimed.cancelled;
      v_suppressed := v_suppressed || v_claimed.suppressed;
      v_reasons := v_reasons || v_claimed.reasons;
      v_expired := coalesce(v_expired || v_claimed.expired, v_claimed.expired, v_expired);
      v_rows := coalesce(cardinality(v_claimed.claimed), 0);
      if v_cap is null then
        return query select c.message_id, c.attempt, c.content, null::jsonb, c.lease_until, c.asked_of from unnest(v_claimed.claimed) as c;
      else
        v_counting := v_counting || v_claimed.claimed;
      end if;
    end if;
    v_left := v_left - v_rows;
  end loop;
  if v_quantity > v_left then
    perform dreamlit._take_tokens(v_buckets, v_quantity - v_left);
  end if;
  -- Once, when no lane is left to lock.
  if v_counting is not null then
    select * into v_claimed from dreamlit._cap_messages(v_counting, v_cap);
    return query
      select c.message_id, c.attempt, c.content, null::jsonb, c.lease_until, c.asked_of from unnest(v_counting) as c
      where c.message_id <> all (coalesce(v_claimed.capped || v_claimed.busy, '{}'));
    perform dreamlit._give_back($1, v_claimed.busy);
    v_suppressed := v_suppressed || v_claimed.capped;
    v_reasons := v_reasons || array_fill('frequency cap'::text, array[coalesce(cardinality(v_claimed.capped), 0)]);
  end if;
  perform dreamlit._stop_messages(v_cancelled, v_suppressed, v_reasons);
  if v_expired is not null then
    perform dreamlit._report_messages(dreamlit._read_results($2, v_expired));
  end if;
end;
$$;
comment on function dreamlit.claim(text, text, integer, interval, text[], text, text) is
  'Leases up to quantity (at most 1000) ready messages of a channel (email, slack, render) to a sender and returns them '
  'complete, the lanes alert, urgent and bulk in this order or those of them that are named. They come back to the queue at '
  'lease_until (the setting lease, unless given) if nothing is reported; one whose start was reported becomes uncertain then. '
  'attempt goes back with the report; asked_of is the provider that may have taken the message already: deliver by no other. release is the sender''s own, provider the one it delivers by. Where a '
  'rate is set (dreamlit.set_rate), no more come back than the buckets of the channel and the provider allow. Of the messages to one Slack channel one a second comes back. Raises DL001 for a quantity, lease or lane out of range, '
  'DL002 for an unknown channel, DL005 for a sender too old for this database. Commit before delivering.';
grant execute on function dreamlit.claim(text, text, integer, interval, text[], text, text) to dreamlit_sender;

create or replace function dreamlit._see_sender(p_sender text, p_channel text, p_release text default null) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
begin
  if exists (
    select from dreamlit._senders as s
    where s.sender = p_sender and abs(extract(epoch from v_now - s.last_seen_at)) < 5
      and (p_channel is null or p_channel = any (s.channels)) and (p_release is null or p_release = s.release)
  ) then
    return;
  end if;
  perform from dreamlit._senders as s where s.sender = left(p_sender, 200) for update skip locked;
  if not found and exists (select from dreamlit._senders as s where s.sender = left(p_sender, 200)) then
    return;  -- another call of the same sender notes it; a claim does not wait for a tick to end
  end if;
  if p_channel is not null and not exists (select from dreamlit._senders as s where s.sender = p_sender and s.channels <> '{}') then
    -- Somebody has just started a sender: what stood still for a wrong password is tried again.
    update dreamlit._channels as c set blocked_until = '-infinity', failures = 0 where c.reason ->> 'fault' = 'configuration' and c.blocked_until > v_now;
    delete from dreamlit._senders as s where s.sender in (
      select o.sender from dreamlit._senders as o where o.last_seen_at < v_now - interval '1 day' for update skip locked);
  end if;
  insert into dreamlit._senders as s (sender, channels, first_seen_at, last_seen_at, release)
  values (left(p_sender, 200), case when p_channel is null then '{}'::text[] else array[p_channel] end, v_now, v_now, p_release)
  on conflict on constraint _senders_pkey do update set
    last_seen_at = excluded.last_seen_at,
    release = coalesce(excluded.release, s.release),
    channels = array(select distinct c from unnest(s.channels || excluded.channels) as c order by c);
end;
$$;
comment on function dreamlit._see_sender(text, text, text) is
  'Notes that a sender is alive, at most every five seconds; a new one lifts blocks that a configuration fault had set.';

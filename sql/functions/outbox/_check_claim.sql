create or replace function dreamlit._check_claim(p_channel text, p_quantity integer, p_lease interval, p_lanes text[]) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_channel is null or p_channel not in ('email', 'slack', 'render') then
    raise exception using errcode = 'DL002', message = format('there is no channel %s', coalesce(p_channel, 'null')), hint = 'use email, slack or render';
  elsif p_quantity is null then
    raise exception using errcode = 'DL001', message = 'the quantity is null', hint = 'ask for 1 to 1000 messages';
  elsif p_lease < interval '1 second' or p_lease > interval '1 day' then
    raise exception using errcode = 'DL001', message = format('the lease is %s', p_lease), hint = 'use a lease of a second to a day';
  elsif p_lanes is null or not p_lanes <@ array['alert', 'urgent', 'bulk'] then
    raise exception using errcode = 'DL001', message = format('the lanes are %s', coalesce(p_lanes::text, 'null')), hint = 'use alert, urgent and bulk';
  end if;
end;
$$;
comment on function dreamlit._check_claim(text, integer, interval, text[]) is 'Raises DL001 or DL002 for what a sender cannot ask for.';

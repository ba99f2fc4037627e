create or replace function dreamlit.set_preference(address text, topic text, subscribed boolean, channel text default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_topic constant text := coalesce($2, '*');
  v_address constant text := dreamlit._check_address($1);
  v_changed boolean;
begin
  if $3 is null then
    raise exception using errcode = 'DL001', message = 'subscribed is null', hint = 'use true or false';
  elsif $4 not in ('email', 'slack') then
    raise exception using errcode = 'DL002', message = format('there is no channel %s', $4), hint = 'use email or slack, or null for every channel';
  elsif v_topic <> '*' then
    perform dreamlit._check_topic(v_topic);
  end if;
  v_changed := dreamlit._choose(v_address, v_topic, coalesce($4, '*'), $3, 'by hand');
  perform dreamlit._audit('set preference', p_detail => jsonb_build_object('topic', v_topic, 'channel', $4, 'subscribed', $3));
  return v_changed;
end;
$$;
comment on function dreamlit.set_preference(text, text, boolean, text) is
  'Turns a topic on or off for a person (null or *: everything), over one channel or every one (null), and returns whether that '
  'changed anything. Raises DL001 for something that is no address, DL002 for an unknown topic or channel.';
grant execute on function dreamlit.set_preference(text, text, boolean, text) to dreamlit_admin;

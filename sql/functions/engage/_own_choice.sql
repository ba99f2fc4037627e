create or replace function dreamlit._own_choice(p_address_hash bytea, p_topic text, p_channel text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce((
    select p.subscribed from dreamlit._preferences as p
    where p.address_hash = p_address_hash and p.topic = p_topic and p.channel in ('*', p_channel)
    order by p.channel desc limit 1), true);
$$;
comment on function dreamlit._own_choice(bytea, text, text) is
  'Returns what a person chose for one topic (* for everything) over a channel: yes unless somebody said no.';

-- Everything and the topic are asked one after the other, and both must say yes; for each, a channel's own choice goes before that
-- for every channel.
create or replace function dreamlit._is_subscribed(p_address_hash bytea, p_topic text, p_channel text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(bool_and(c.subscribed), true)
  from (
    select distinct on (p.topic) p.subscribed
    from dreamlit._preferences as p
    where p.address_hash = p_address_hash and p.topic in ('*', p_topic) and p.channel in ('*', p_channel)
    order by p.topic, p.channel desc
  ) as c;
$$;
comment on function dreamlit._is_subscribed(bytea, text, text) is
  'Returns whether a person gets messages of a topic over a channel: yes unless somebody said no.';

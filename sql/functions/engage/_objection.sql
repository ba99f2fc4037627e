create or replace function dreamlit._objection(p_recipient text, p_topic text, p_channel text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('the recipient has turned off %s', string_agg(case c.topic when '*' then 'everything' else 'the topic ' || c.topic end, ' and ' order by c.topic))
  from (
    select distinct on (p.topic) p.topic, p.subscribed
    from dreamlit._preferences as p
    where p.address_hash = dreamlit._address_hash(p_recipient) and p.topic in ('*', p_topic) and p.channel in ('*', p_channel)
    order by p.topic, p.channel desc
  ) as c
  where not c.subscribed
  having count(*) > 0;
$$;
comment on function dreamlit._objection(text, text, text) is
  'Returns why a person gets no messages of a topic over a channel; null if nothing speaks against it. Everything and the topic are '
  'asked one after the other; for each, a channel''s own choice goes before that for every channel.';

create or replace function dreamlit.preferences(address text)
returns table (topic text, title text, channel text, subscribed boolean, changed_at timestamptz, via text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select nullif(k.topic, '*'), k.title, nullif(p.channel, '*'), coalesce(p.subscribed, true), p.changed_at, p.via
  from (
    select '*' as topic, null as title
    union all select t.topic, t.title from dreamlit._topics as t
    union select q.topic, t.title from dreamlit._preferences as q left join dreamlit._topics as t on t.topic = q.topic
      where q.address_hash = dreamlit._address_hash(dreamlit._check_address($1))
  ) as k
  left join dreamlit._preferences as p on p.topic = k.topic and p.address_hash = dreamlit._address_hash(dreamlit._check_address($1))
  order by k.topic <> '*', k.topic, p.channel;
$$;
comment on function dreamlit.preferences(text) is
  'Returns what a person chose: a row without a topic for everything, then each topic, once more for each channel with a choice of '
  'its own (channel null: every channel). changed_at is null where nobody chose; then it is yes. Mail of a topic goes where both '
  'everything and the topic say yes. Raises DL001 for something that is no address.';
grant execute on function dreamlit.preferences(text) to dreamlit_admin, dreamlit_reader;

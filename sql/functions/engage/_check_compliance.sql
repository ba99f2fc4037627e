-- What the law and the large receivers ask of mail that is not transactional, CAN-SPAM and the rules of Gmail and Yahoo for bulk
-- senders among them: a way out that is seen and that one click takes, and the sender's postal address. A copy would carry the way
-- out of somebody else.
create or replace function dreamlit._check_compliance(p_definition jsonb, p_references jsonb) returns setof dreamlit._fault
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with emails as (
    select s.place || '.email' as place, s.step -> 'email' as email, coalesce(p_references -> (s.place || '.email'), '[]') as entries
    from dreamlit._list_steps(p_definition) as s
    where s.kind = 'email' and s.step -> 'email' ? 'topic'
  ), bodies as (
    -- A body that cannot be read has faults of its own.
    select e.place, e.email, array_agg(concat_ws('.', r.value #>> '{path,0}', r.value #>> '{path,1}')) filter (where r.value ? 'path') as names
    from emails as e
    left join jsonb_array_elements(e.entries) as r on r.value ->> 'field' in ('html', 'text', 'template')
    group by e.place, e.email
    having not coalesce(bool_or(r.value ? 'error'), false)
  )
  select e.place || '.topic', format('there is no topic %s', e.email ->> 'topic'), dreamlit._topic_hint(e.email ->> 'topic')
  from emails as e
  where not exists (select from dreamlit._topics as t where t.topic = e.email ->> 'topic')
  union all
  select b.place, 'the email belongs to a topic and shows no way to unsubscribe',
    'write <a href="{{ unsubscribe_url }}">Unsubscribe</a> into its body, or preferences_url; an email that somebody asked for by doing '
    'something, such as a receipt, is transactional: take topic away'
  from bodies as b
  where not coalesce(b.names && array['unsubscribe_url', 'preferences_url'], false)
  union all
  select b.place, 'the email belongs to a topic and does not show your postal address', 'write {{ brand.postal_address }} into its body'
  from bodies as b
  where not coalesce(b.names && array['brand.postal_address'], false)
  union all
  select b.place, 'the brand has no postal address', 'set it: dreamlit.set_brand, key postal_address'
  from bodies as b
  where b.names && array['brand.postal_address'] and dreamlit.brand() ->> 'postal_address' is null
  union all
  select e.place || '.topic', 'public_url is not set, so nobody could unsubscribe',
    'let dreamlit serve be reached from outside and say where: select dreamlit.set_setting(''public_url'', ''"https://mail.example.com"'')'
  from emails as e
  where dreamlit._setting('public_url') = 'null'
  union all
  select e.place || '.' || k.key, format('an email of a topic has %s', k.key), 'send each person a message of their own: unsubscribing is for one'
  from emails as e cross join unnest(array['cc', 'bcc']) as k(key)
  where e.email ? k.key
  union all
  select e.place || '.headers.' || h.key, format('an email of a topic sets %s itself', h.key), 'leave it to the sender, which writes it for each recipient'
  from emails as e cross join jsonb_object_keys(case when jsonb_typeof(e.email -> 'headers') = 'object' then e.email -> 'headers' else '{}' end) as h(key)
  where lower(h.key) in ('list-unsubscribe', 'list-unsubscribe-post', 'list-id');
$$;
comment on function dreamlit._check_compliance(jsonb, jsonb) is
  'Returns the faults of emails that belong to a topic: no such topic, no way to unsubscribe, no postal address, copies. p_references is '
  'what their templates read.';
grant execute on function dreamlit._check_compliance(jsonb, jsonb) to dreamlit_admin;

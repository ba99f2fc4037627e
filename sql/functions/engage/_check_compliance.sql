-- What the law and the large receivers ask of mail that is not transactional, CAN-SPAM and the rules of Gmail and Yahoo for bulk
-- senders among them: a way out that is seen and that one click takes, and the sender's postal address. Every body has the way out,
-- for who reads the text sees no HTML; only the text that the sender makes has that of the HTML. A copy would carry the way out of
-- somebody else.
create or replace function dreamlit._check_compliance(p_definition jsonb, p_references jsonb) returns setof dreamlit._fault
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with emails as (
    select s.place || '.email' as place, s.step -> 'email' as email, coalesce(p_references -> (s.place || '.email'), '[]') as entries,
      -- The file that is the text without being named.
      coalesce(substring(s.step #>> '{email,template}', '^(.*)[.][^.]*$'), '') || '.txt' as beside
    from dreamlit._list_steps(p_definition) as s
    where s.kind = 'email' and s.step -> 'email' ? 'topic'
  ), given as (
    select e.place, e.entries, b.field, b.kind, b.name, e.email ? 'html' or e.email ->> 'template' !~* '\.txt$' as has_html
    from emails as e
    cross join lateral (
      values
        ('html', 'html', 'HTML', e.email ? 'html'),
        ('text', 'text', 'text', e.email ? 'text'),
        ('template', case when e.email ->> 'template' ~* '\.txt$' then 'text' else 'html' end,
          'template ' || (e.email ->> 'template'), e.email ->> 'template' !~* '\.txt$' or not e.email ? 'text'),
        ('text', 'text', 'text ' || e.beside, e.email ->> 'template' !~* '\.txt$' and not e.email ? 'text' and p_definition -> 'files' ? e.beside)
    ) as b(field, kind, name, present)
    where b.present and b.name is not null
  ), bodies as (
    -- A body that cannot be read has faults of its own.
    select g.place, g.field, g.kind, g.name, g.has_html,
      array_agg(concat_ws('.', r.value #>> '{path,0}', r.value #>> '{path,1}')) filter (where r.value ? 'path') as names
    from given as g
    left join jsonb_array_elements(g.entries) as r on r.value ->> 'field' = g.field
    group by g.place, g.field, g.kind, g.name, g.has_html
    having not coalesce(bool_or(r.value ? 'error'), false)
  ), wholes as (
    select e.place, array_agg(concat_ws('.', r.value #>> '{path,0}', r.value #>> '{path,1}')) filter (where r.value ? 'path') as names
    from emails as e
    left join jsonb_array_elements(e.entries) as r on r.value ->> 'field' in ('html', 'text', 'template')
    group by e.place
    having not coalesce(bool_or(r.value ? 'error'), false)
  )
  select e.place || '.topic', format('there is no topic %s', e.email ->> 'topic'), dreamlit._topic_hint(e.email ->> 'topic')
  from emails as e
  where not exists (select from dreamlit._topics as t where t.topic = e.email ->> 'topic')
  union all
  select b.place || '.' || b.field, format('the email belongs to a topic and its %s shows no way to unsubscribe', b.name),
    'write ' || case b.kind when 'html' then '<a href="{{ unsubscribe_url }}">Unsubscribe</a>' else 'Unsubscribe: {{ unsubscribe_url }}' end
    || ' into it, or preferences_url; '
    || case when b.kind = 'text' and b.has_html then 'without a text of yours the sender makes one from the HTML, links included'
         else 'an email that somebody asked for by doing something, such as a receipt, is transactional: take topic away' end
  from bodies as b
  where not coalesce(b.names && array['unsubscribe_url', 'preferences_url'], false)
  union all
  select w.place, 'the email belongs to a topic and does not show your postal address', 'write {{ brand.postal_address }} into its body'
  from wholes as w
  where not coalesce(w.names && array['brand.postal_address'], false)
  union all
  select w.place, 'the brand has no postal address', 'set it: dreamlit.set_brand, key postal_address'
  from wholes as w
  where w.names && array['brand.postal_address'] and dreamlit.brand() ->> 'postal_address' is null
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
  'Returns the faults of emails that belong to a topic: no such topic, a body without a way to unsubscribe, no postal address, copies. p_references is '
  'what their templates read.';
grant execute on function dreamlit._check_compliance(jsonb, jsonb) to dreamlit_admin;

create or replace function dreamlit._examine_topics() returns table (name text, state text, detail text, mend text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with uses as (
    select string_agg(distinct u.workflow, ', ' order by u.workflow) as workflows
    from dreamlit._topic_uses() as u
    having count(*) > 0
  )
  select 'public url', case when dreamlit._setting('public_url') = 'null' then 'critical' else 'ok' end,
    case when dreamlit._setting('public_url') = 'null' then format('not set; %s send mail that people must be able to unsubscribe from', u.workflows)
      else dreamlit._setting('public_url') #>> '{}' end,
    'select dreamlit.set_setting(''public_url'', ''"https://mail.example.com"'')'
  from uses as u
  union all
  select 'postal address', case when dreamlit.brand() ->> 'postal_address' is null then 'critical' else 'ok' end,
    case when dreamlit.brand() ->> 'postal_address' is null then format('the brand has none; %s must show one', u.workflows) else 'the brand has one' end,
    'set the brand''s postal_address: dreamlit.set_brand'
  from uses as u
  union all
  -- CAN-SPAM: a way to unsubscribe must work for at least 30 days after the message was sent; it is found by the message.
  select 'unsubscribing', case when dreamlit._kept_for('keep_messages') < interval '30 days' then 'warning' else 'ok' end,
    format('links work for %s, as long as messages are kept', dreamlit._kept_for('keep_messages')),
    'keep messages for 30 days at least: select dreamlit.set_setting(''keep_messages'', ''"30 days"'')'
  from uses as u;
$$;
comment on function dreamlit._examine_topics() is
  'Returns the doctor''s checks of what mail of topics needs; none if no published workflow sends any.';

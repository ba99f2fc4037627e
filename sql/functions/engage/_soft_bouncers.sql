create or replace function dreamlit._soft_bouncers(p_addresses text[]) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select e.recipient from dreamlit._engagement as e
    where e.recipient = any (p_addresses) and e.bounce = 'soft'
      and e.recorded_at > dreamlit._now() - (dreamlit._setting('soft_bounces') ->> 'within')::interval
    group by e.recipient
    having count(distinct coalesce(e.message_id::text, e.event_id)) >= (dreamlit._setting('soft_bounces') -> 'count')::integer);
$$;
comment on function dreamlit._soft_bouncers(text[]) is
  'Returns those of the addresses at which as many messages have bounced softly as the setting soft_bounces allows.';

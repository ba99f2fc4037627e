-- What bounced before somebody lifted a suppression on purpose counts no more. When that was says the audit log, under the address's
-- hash: it is asked only for those at whom enough has bounced.
create or replace function dreamlit._soft_bouncers(p_addresses text[]) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  with rule as (
    select (s.value -> 'count')::integer as most, dreamlit._now() - (s.value ->> 'within')::interval as since
    from dreamlit._setting('soft_bounces') as s(value)
  ), bounces as (
    select e.recipient, e.recorded_at, coalesce(e.message_id::text, e.event_id) as message
    from dreamlit._engagement as e
    where e.recipient = any (p_addresses) and e.bounce = 'soft' and e.recorded_at > (select r.since from rule as r)
  ), suspects as (
    select b.recipient, encode(dreamlit._address_hash(b.recipient), 'hex') as address_hash
    from bounces as b
    group by b.recipient having count(distinct b.message) >= (select r.most from rule as r)
  ), lifted as (
    select s.recipient, max(l.at) as at
    from suspects as s
    join dreamlit._audit_log as l on l.detail ->> 'address_hash' = s.address_hash
    where l.action = 'unsuppress' and l.at > (select r.since from rule as r)
    group by s.recipient
  )
  select array(
    select b.recipient
    from bounces as b
    join suspects as s on s.recipient = b.recipient
    left join lifted as l on l.recipient = b.recipient
    where l.at is null or b.recorded_at > l.at
    group by b.recipient having count(distinct b.message) >= (select r.most from rule as r));
$$;
comment on function dreamlit._soft_bouncers(text[]) is
  'Returns those of the addresses at which, since their suppression was last lifted, as many messages have bounced softly as the '
  'setting soft_bounces allows.';

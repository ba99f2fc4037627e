create or replace function dreamlit._suppress_addresses(p_addresses text[], p_reasons text[]) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_counts jsonb;
begin
  with stored as (
    insert into dreamlit._suppressions (address_hash, address, reason, suppressed_at)
    select distinct on (h.address_hash) h.address_hash, dreamlit._mailbox(a.address), a.reason, dreamlit._now()
    from unnest(p_addresses, p_reasons) as a(address, reason)
    cross join lateral (select dreamlit._address_hash(a.address) as address_hash) as h
    where dreamlit._is_address(a.address)
    order by h.address_hash, a.reason
    on conflict on constraint _suppressions_pkey do nothing
    returning reason
  )
  select jsonb_object_agg(s.reason, s.addresses) into v_counts from (select t.reason, count(*) as addresses from stored as t group by t.reason) as s;
  perform dreamlit._audit('suppress', p_detail => jsonb_build_object('reason', c.key, 'addresses', c.value)) from jsonb_each(v_counts) as c;
  return (select coalesce(sum(c.value::integer), 0) from jsonb_each(v_counts) as c);
end;
$$;
comment on function dreamlit._suppress_addresses(text[], text[]) is
  'Suppresses, each for its reason, those of the addresses that are addresses and are not suppressed yet; returns how many. In one '
  'statement in the order of hashes, so that two calls never wait for each other in a circle.';

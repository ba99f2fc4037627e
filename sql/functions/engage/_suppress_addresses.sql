create or replace function dreamlit._suppress_addresses(p_addresses text[], p_reason text) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  insert into dreamlit._suppressions (address_hash, address, reason, suppressed_at)
  select distinct on (h.address_hash) h.address_hash, a.address, p_reason, dreamlit._now()
  from unnest(p_addresses) as a(address) cross join lateral (select dreamlit._address_hash(a.address) as address_hash) as h
  where dreamlit._is_address(a.address)
  order by h.address_hash
  on conflict on constraint _suppressions_pkey do nothing;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform dreamlit._audit('suppress', p_detail => jsonb_build_object('reason', p_reason, 'addresses', v_count));
  end if;
  return v_count;
end;
$$;
comment on function dreamlit._suppress_addresses(text[], text) is
  'Suppresses those of the addresses that are addresses and are not suppressed yet; returns how many.';

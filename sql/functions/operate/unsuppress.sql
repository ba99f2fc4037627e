-- The log keeps the moment under the hash: soft bounces from before it count no more (_soft_bouncers).
create or replace function dreamlit.unsuppress(address text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from dreamlit._suppressions as s where s.address_hash = dreamlit._address_hash($1);
  if found then
    perform dreamlit._audit('unsuppress', p_detail => jsonb_build_object('address_hash', encode(dreamlit._address_hash($1), 'hex')));
  end if;
  return found;
end;
$$;
comment on function dreamlit.unsuppress(text) is 
  'Lets email go to an address again; returns whether it was suppressed. Soft bounces from before count no more.';
grant execute on function dreamlit.unsuppress(text) to dreamlit_admin;

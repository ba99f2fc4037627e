create or replace function dreamlit.unsuppress(address text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from dreamlit._suppressions as s where s.address_hash = dreamlit._address_hash($1);
  if found then
    perform dreamlit._audit('unsuppress');
  end if;
  return found;
end;
$$;
comment on function dreamlit.unsuppress(text) is 'Lets email go to an address again; returns whether it was suppressed.';
grant execute on function dreamlit.unsuppress(text) to dreamlit_admin;

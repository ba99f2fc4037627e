create or replace function dreamlit.suppress(address text, reason text default 'by hand') returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into dreamlit._suppressions (address_hash, address, reason, suppressed_at)
  values (dreamlit._address_hash($1), dreamlit._check_address($1), $2, dreamlit._now())
  on conflict on constraint _suppressions_pkey do nothing;
  if found then
    perform dreamlit._audit('suppress');
  end if;
  return found;
end;
$$;
comment on function dreamlit.suppress(text, text) is
  'Sends no more email to an address: messages that wait for a sender are settled as suppressed when they are claimed, and those '
  'to others leave without it in cc and bcc. Returns '
  'whether it was not suppressed before. Raises DL001 for something that is no address.';
grant execute on function dreamlit.suppress(text, text) to dreamlit_admin;

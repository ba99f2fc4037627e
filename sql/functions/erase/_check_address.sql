create or replace function dreamlit._check_address(p_address text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if coalesce(dreamlit._mailbox(p_address), '') !~ '^[^[:space:][:cntrl:]<>,;]+@[^[:space:][:cntrl:]<>,;@]+$' then
    raise exception using errcode = 'DL001', message = format('%s is no address', coalesce(p_address, 'null')), hint = 'write one address: ann@example.com';
  end if;
  return dreamlit._mailbox(p_address);
end;
$$;
comment on function dreamlit._check_address(text) is 'Returns the bare address in lower case; raises DL001 for something that is none.';

create or replace function dreamlit._address_hash(p_address text) returns bytea
language sql stable set search_path = pg_catalog, pg_temp as $$
  select sha256(convert_to(s.salt::text || dreamlit._mailbox(p_address), 'UTF8')) from dreamlit._salts as s where s.purpose = 'suppression';
$$;
comment on function dreamlit._address_hash(text) is 'Returns the salted hash under which an address is suppressed.';

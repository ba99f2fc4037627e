-- PostgreSQL also takes made-up zones such as foo5; a name has no digit before its first slash, save UTC's own.
create or replace function dreamlit._is_zone(p_zone text) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_zone is null or p_zone !~ '^[A-Za-z][A-Za-z_]*(/[A-Za-z0-9_+-]+)*$' or length(p_zone) > 60 then
    return false;
  end if;
  perform timestamptz 'epoch' at time zone p_zone;
  return true;
exception when data_exception then
  return false;
end;
$$;
comment on function dreamlit._is_zone(text) is 'Returns whether PostgreSQL knows a time zone of this name.';

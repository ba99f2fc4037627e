-- to_regtype gives null for an unknown name and raises for what is no name at all; a pseudo-type can be no column's.
create or replace function dreamlit._is_type(p_name text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from pg_type as t where t.oid = to_regtype(p_name) and t.typtype <> 'p');
exception when syntax_error or invalid_name or invalid_schema_name or undefined_object or feature_not_supported or insufficient_privilege or data_exception then
  return false;
end;
$$;
comment on function dreamlit._is_type(text) is 'Returns whether a text names a type that a column can have.';
grant execute on function dreamlit._is_type(text) to dreamlit_admin;

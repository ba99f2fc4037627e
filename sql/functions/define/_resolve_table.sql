create or replace function dreamlit._resolve_table(p_search_path text, p_name text) returns regclass
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('search_path', p_search_path, true);
  return to_regclass(p_name);
exception when invalid_name or syntax_error or undefined_table or feature_not_supported or insufficient_privilege then
  return null;
end;
$$;
comment on function dreamlit._resolve_table(text, text) is 'Returns the table that a name means under a search_path, or null.';
grant execute on function dreamlit._resolve_table(text, text) to dreamlit_admin;

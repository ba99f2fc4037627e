create or replace function dreamlit._as_list(p_value jsonb) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case when p_value is null or p_value = 'null' then '[]' when jsonb_typeof(p_value) = 'array' then p_value else jsonb_build_array(p_value) end;
$$;
comment on function dreamlit._as_list(jsonb) is
  'Returns a JSON list as it is, null as the empty list, and anything else as a list of one.';
grant execute on function dreamlit._as_list(jsonb) to dreamlit_admin;

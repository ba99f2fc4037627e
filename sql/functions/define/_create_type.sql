create or replace function dreamlit._create_type(p_name text, p_columns jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('create type %s as (%s)', p_name, (
    select string_agg(format('%I %s', c.value ->> 'name', c.value ->> 'type'), ', ' order by c.ordinality)
    from jsonb_array_elements(p_columns) with ordinality as c(value, ordinality)));
  execute format('revoke usage on type %s from public', p_name);
  execute format('grant usage on type %s to dreamlit_owner', p_name);
end;
$$;
comment on function dreamlit._create_type(text, jsonb) is
  'Creates a composite type from a list of {"name", "type"}, for the engine''s owner to use.';
grant execute on function dreamlit._create_type(text, jsonb) to dreamlit_admin;

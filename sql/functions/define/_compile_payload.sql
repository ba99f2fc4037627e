-- start() checks its payload here, as the publisher: a type's input code must not run with the engine's rights.
create or replace function dreamlit._compile_payload(p_name text, p_type text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._create_function('pg_catalog, pg_temp', p_name || '(jsonb)', format(
    E'create function %s(p_payload jsonb) returns jsonb language sql stable security definer set search_path = pg_catalog, pg_temp\nbegin atomic\n  select to_jsonb(jsonb_populate_record(null::%s, p_payload));\nend',
    p_name, p_type));
end;
$$;
comment on function dreamlit._compile_payload(text, text) is
  'Creates a version''s function that turns a payload given by hand into one of the right columns and types.';
grant execute on function dreamlit._compile_payload(text, text) to dreamlit_admin;

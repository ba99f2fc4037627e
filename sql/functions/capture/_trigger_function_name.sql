create or replace function dreamlit._trigger_function_name(p_workflow text, p_operation text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select format('dreamlit_workflows.%I', p_workflow || '_on_' || p_operation);
$$;
comment on function dreamlit._trigger_function_name(text, text) is
  'Returns the name of a workflow''s trigger function; it stays through all versions.';
grant execute on function dreamlit._trigger_function_name(text, text) to dreamlit_admin;

create or replace function dreamlit._template_references(p_templates jsonb, p_files jsonb) returns jsonb
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._run_python('references', jsonb_build_array(p_templates, p_files));
$$;
comment on function dreamlit._template_references(jsonb, jsonb) is
  'Returns what a step''s templates read ({"field", "path"}) and what is wrong with them ({"field", "error", "line"}). Fails '
  'where the server has no plpython3u.';
grant execute on function dreamlit._template_references(jsonb, jsonb) to dreamlit_admin;

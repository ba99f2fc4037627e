create or replace function dreamlit._render(p_channel text, p_templates jsonb, p_files jsonb, p_contexts jsonb) returns jsonb
language sql set search_path = pg_catalog, pg_temp as $$
  select dreamlit._run_python('render_batch', jsonb_build_array(p_channel, p_templates, p_files, p_contexts));
$$;
comment on function dreamlit._render(text, jsonb, jsonb, jsonb) is
  'Renders a batch: returns, in the order of the contexts, {"content"} or {"error": {"code", "message", "field", "file", '
  '"line"}}. Raises nothing for any template or context; fails where the server has no plpython3u.';

-- Compiles one step's condition and SQL over its scope; the answer carries what the steps below may use.
create or replace function dreamlit._compile_step(
  p_search_path text, p_workflow text, p_version integer, p_step record, p_scope jsonb, p_references jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_faults jsonb := '[]';
  v_if text := p_step.step ->> 'if';
  v_until text := p_step.step #>> '{wait,until}';
  v_name text;
  v_answer jsonb;
begin
  if v_if is not null then
    v_name := dreamlit._object_name(p_workflow, p_version, p_step.name || '_if');
    v_faults := v_faults || dreamlit._compile_expression(p_search_path, p_step.place || '.if', v_if, p_scope, 'boolean', v_name);
    v_answer := jsonb_build_object('if_function', v_name);
  end if;
  if v_until is not null then
    v_name := dreamlit._object_name(p_workflow, p_version, p_step.name || '_until');
    v_faults := v_faults || dreamlit._compile_expression(
      p_search_path, p_step.place || '.wait.until', v_until, p_scope, 'timestamp with time zone', v_name);
    v_answer := coalesce(v_answer, '{}') || jsonb_build_object('sql_function', v_name);
  elsif p_step.kind = 'query' then
    v_answer := coalesce(v_answer, '{}') || dreamlit._compile_query(p_search_path, p_workflow, p_version, p_step, p_scope);
    v_faults := v_faults || coalesce(v_answer -> 'faults', '[]');
  elsif p_step.kind in ('email', 'slack') then
    v_faults := v_faults || (
      select coalesce(jsonb_agg(f), '[]')
      from dreamlit._check_template_uses(p_step.place || '.' || p_step.kind, coalesce(p_references, '[]'), p_scope) as f);
  end if;
  return coalesce(v_answer, '{}') || jsonb_build_object('faults', v_faults);
end;
$$;
comment on function dreamlit._compile_step(text, text, integer, record, jsonb, jsonb) is
  'Compiles a step; returns {"faults", "if_function", "sql_function", "scope"} with scope the entry that a query adds for the '
  'steps below.';
grant execute on function dreamlit._compile_step(text, text, integer, record, jsonb, jsonb) to dreamlit_admin;

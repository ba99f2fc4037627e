-- Everything that publishing creates for the version except the triggers. All faults of all steps are gathered; a step whose
-- query does not compile leaves its name out of scope, so the steps below are checked without it only if they do not use it.
-- A version that captures no more keeps the columns that it captured, whatever has become of the table.
create or replace function dreamlit._compile_version(
  p_search_path text, p_version integer, p_definition jsonb, p_references jsonb, p_captured jsonb default null)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow constant text := p_definition ->> 'workflow';
  v_trigger constant jsonb := p_definition -> 'trigger';
  v_operations constant text[] := array(select jsonb_array_elements_text(dreamlit._as_list(v_trigger -> 'on')));
  v_table regclass := dreamlit._resolve_table(p_search_path, v_trigger ->> 'table');
  v_columns jsonb;
  v_uses jsonb;
  v_faults jsonb;
  v_capture jsonb;
  v_scopes jsonb;
  v_steps jsonb := '[]';
  v_broken text[] := '{}';
  v_step record;
  v_compiled jsonb;
begin
  if p_captured is not null then
    v_faults := '[]';
  elsif v_trigger ? 'table' then
    select coalesce(jsonb_agg(f), '[]') into v_faults
    from dreamlit._check_table(v_trigger ->> 'table', v_table, dreamlit._as_list(v_trigger -> 'columns')) as f;
    if v_table is null then
      return jsonb_build_object('faults', v_faults);
    end if;
    select coalesce(jsonb_agg(jsonb_build_object('name', c.column_name, 'type', c.type_name, 'virtual', c.is_virtual) order by c.column_number), '[]')
    into v_columns from dreamlit._table_columns(v_table) as c;
  else
    v_faults := '[]';
    select coalesce(jsonb_agg(jsonb_build_object('name', c.key, 'type', to_regtype(c.value)::text)), '[]')
    into v_columns from jsonb_each_text(v_trigger -> 'call') as c;
  end if;

  select coalesce(jsonb_agg(jsonb_build_object('place', u.place, 'alias', u.alias, 'column', u.column_name)), '[]')
  into v_uses from dreamlit._list_uses(p_definition, p_references) as u;
  if p_captured is null then
    v_faults := v_faults || (select coalesce(jsonb_agg(f), '[]') from dreamlit._check_uses(v_table, v_columns, v_uses, v_operations) as f);
  end if;

  v_capture := dreamlit._compile_trigger(p_search_path, v_workflow, p_version, v_trigger, v_table, v_columns, v_uses, p_captured);
  v_faults := v_faults || (v_capture -> 'faults');
  v_scopes := jsonb_build_object('trigger', jsonb_build_array(
    jsonb_build_object('alias', 'trigger', 'key', 'trigger', 'type', v_capture ->> 'type', 'list', false),
    jsonb_build_object('alias', 'old', 'key', 'old', 'type', v_capture ->> 'old_type', 'list', false)));

  for v_step in select * from dreamlit._order_steps(p_definition) loop
    continue when v_step.parent = any (v_broken);
    v_compiled := dreamlit._compile_step(
      p_search_path, v_workflow, p_version, v_step, v_scopes -> v_step.parent, p_references -> (v_step.place || '.' || v_step.kind));
    v_faults := v_faults || (v_compiled -> 'faults');
    if v_step.kind = 'query' and not v_compiled ? 'scope' then
      v_broken := v_broken || v_step.name;
    end if;
    v_scopes := v_scopes || jsonb_build_object(v_step.name, case when v_compiled ? 'scope'
      then (v_scopes -> v_step.parent) || jsonb_build_array(v_compiled -> 'scope') else v_scopes -> v_step.parent end);
    v_steps := v_steps || jsonb_build_array(jsonb_build_object(
      'position', v_step.step_position, 'name', v_step.name, 'kind', v_step.kind, 'parent', v_step.parent,
      'if_function', v_compiled ->> 'if_function', 'sql_function', v_compiled ->> 'sql_function',
      'settings', dreamlit._step_settings(v_step.kind, v_step.step, v_step.below_query)));
  end loop;
  return jsonb_build_object(
    'faults', dreamlit._distinct_faults(v_faults), 'table', v_table, 'operations', to_jsonb(v_operations), 'capture', v_capture, 'steps', v_steps);
end;
$$;
comment on function dreamlit._compile_version(text, integer, jsonb, jsonb, jsonb) is
  'Compiles a checked definition as the caller; returns {"faults", "table", "operations", "capture", "steps"}. With p_captured, what '
  '_captured returned for the version, the watched table is not asked. Nothing of it stays if the caller rolls back.';
grant execute on function dreamlit._compile_version(text, integer, jsonb, jsonb, jsonb) to dreamlit_admin;

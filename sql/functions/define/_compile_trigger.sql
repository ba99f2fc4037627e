-- The types of the captured rows, the anchor, and the functions that the generated trigger calls.
create or replace function dreamlit._compile_trigger(
  p_search_path text, p_workflow text, p_version integer, p_trigger jsonb, p_table regclass, p_columns jsonb, p_uses jsonb,
  p_captured jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_type text := dreamlit._object_name(p_workflow, p_version, 'trigger');
  v_old_type text := dreamlit._object_name(p_workflow, p_version, 'old');
  v_when text := dreamlit._object_name(p_workflow, p_version, 'when');
  v_when_items text := dreamlit._object_name(p_workflow, p_version, 'when_items');
  v_key_items text := dreamlit._object_name(p_workflow, p_version, 'key_items');
  v_key text := dreamlit._object_name(p_workflow, p_version, 'key');
  v_columns jsonb := coalesce(p_captured -> 'columns', case when p_table is null then p_columns
    else dreamlit._choose_columns(p_columns, p_uses, array['trigger', 'new'], dreamlit._primary_key(p_table)) end);
  v_old_columns jsonb := coalesce(p_captured -> 'old_columns',
    dreamlit._choose_columns(case when p_table is null then '[]' else p_columns end, p_uses, array['old'], '{}'));
  v_faults jsonb := '[]';
begin
  perform dreamlit._create_type(v_type, v_columns);
  perform dreamlit._create_type(v_old_type, v_old_columns);
  if p_trigger ? 'when' then
    v_faults := v_faults || dreamlit._compile_condition(p_search_path, 'trigger.when', p_trigger ->> 'when', 'boolean', v_when, v_when_items, v_type, v_old_type);
  end if;
  if p_trigger ? 'key' then
    v_faults := v_faults || dreamlit._compile_condition(p_search_path, 'trigger.key', format(E'(\n%s\n)::text', p_trigger ->> 'key'), 'text', v_key, v_key_items, v_type, v_old_type);
  end if;
  if v_faults = '[]' then
    perform dreamlit._compile_payload(dreamlit._object_name(p_workflow, p_version, 'payload'), v_type);
  end if;
  return jsonb_build_object(
    'faults', v_faults, 'type', v_type, 'old_type', v_old_type, 'columns', v_columns, 'old_columns', v_old_columns,
    'when', case when p_trigger ? 'when' then v_when end, 'when_items', case when p_trigger ? 'when' then v_when_items end, 'key', case when p_trigger ? 'key' then v_key end,
    'key_items', case when p_trigger ? 'key' then v_key_items end, 'for_each', p_trigger ->> 'for_each');
end;
$$;
comment on function dreamlit._compile_trigger(text, text, integer, jsonb, regclass, jsonb, jsonb, jsonb) is
  'Compiles what the trigger needs besides its trigger functions; returns the names and columns that _compile_capture takes, '
  'and faults.';
grant execute on function dreamlit._compile_trigger(text, text, integer, jsonb, regclass, jsonb, jsonb, jsonb) to dreamlit_admin;

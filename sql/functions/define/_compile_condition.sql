-- A condition or key over the changed row: a plain function that PostgreSQL can inline into the trigger's own statement.
create or replace function dreamlit._compile_condition(
  p_search_path text, p_place text, p_expression text, p_type text, p_name text, p_items_name text, p_trigger_type text, p_old_type text)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_scope jsonb := jsonb_build_array(
    jsonb_build_object('alias', 'trigger', 'key', 'trigger', 'type', p_trigger_type, 'list', false),
    jsonb_build_object('alias', 'new', 'key', 'new', 'type', p_trigger_type, 'list', false),
    jsonb_build_object('alias', 'old', 'key', 'old', 'type', p_old_type, 'list', false));
  v_faults jsonb;
begin
  select coalesce(jsonb_agg(f), '[]') into v_faults
  from dreamlit._probe_expression(p_search_path, p_place, p_expression, v_scope, p_type) as f;
  if v_faults <> '[]' then
    return v_faults;
  end if;
  perform dreamlit._create_function(p_search_path, format('%s(%s, %s, %s)', p_name, p_trigger_type, p_trigger_type, p_old_type), format(
    E'create function %1$s("trigger" %2$s, "new" %2$s, "old" %3$s) returns %4$s language sql stable\nbegin atomic\n  select (\n%5$s\n);\nend',
    p_name, p_trigger_type, p_old_type, p_type, p_expression));
  -- The same over items, for a run whose condition or key failed at capture and is tried again.
  perform dreamlit._create_item_function(p_search_path, p_items_name, p_type, format(E'(\n%s\n)', p_expression), v_scope);
  return '[]';
exception when others then
  return jsonb_build_array((p_place, split_part(sqlerrm, E'\n', 1), dreamlit._hint_for(sqlstate, 'expression'))::dreamlit._fault);
end;
$$;
comment on function dreamlit._compile_condition(text, text, text, text, text, text, text, text) is
  'Compiles trigger.when or trigger.key into p_name(trigger, new, old), and into the batch function p_items_name; returns its '
  'faults.';
grant execute on function dreamlit._compile_condition(text, text, text, text, text, text, text, text) to dreamlit_admin;

create or replace function dreamlit._compile_expression(
  p_search_path text, p_place text, p_expression text, p_scope jsonb, p_type text, p_name text)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_faults jsonb := (
    select coalesce(jsonb_agg(f), '[]')
    from dreamlit._probe_expression(p_search_path, p_place, p_expression, p_scope, p_type) as f);
begin
  if v_faults = '[]' then
    perform dreamlit._create_item_function(p_search_path, p_name, p_type, format(E'(\n%s\n)', p_expression), p_scope);
  end if;
  return v_faults;
exception when others then
  return jsonb_build_array((p_place, split_part(sqlerrm, E'\n', 1), dreamlit._hint_for(sqlstate, 'expression'))::dreamlit._fault);
end;
$$;
comment on function dreamlit._compile_expression(text, text, text, jsonb, text, text) is
  'Compiles an SQL expression into the batch function p_name; returns its faults as a list, empty if there are none.';
grant execute on function dreamlit._compile_expression(text, text, text, jsonb, text, text) to dreamlit_admin;

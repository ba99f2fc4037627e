create or replace function dreamlit._compile_query(
  p_search_path text, p_workflow text, p_version integer, p_step record, p_scope jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_query text := regexp_replace(p_step.step ->> 'query', ';\s*$', '');
  v_name text := dreamlit._object_name(p_workflow, p_version, p_step.name || '_query');
  v_type text := dreamlit._object_name(p_workflow, p_version, p_step.name);
  v_from constant text := format(E'from (select null::jsonb as item) as dreamlit_item\n  %s\n', dreamlit._scope_sql(p_scope, 'dreamlit_item.item'));
  v_columns jsonb;
  v_hint text;
begin
  -- A query that closes our brackets and opens its own is sound in one place, never in both.
  perform dreamlit._probe(p_search_path, format(E'select true as value %s  where exists (\n%s\n)', v_from, v_query));
  select jsonb_agg(jsonb_build_object('name', p.column_name, 'type', p.type_name)) into v_columns
  from dreamlit._probe(p_search_path, format(E'select dreamlit_row.* %s  cross join lateral (\n%s\n) as dreamlit_row', v_from, v_query)) as p;
  if v_columns @> '[{"name": "?column?"}]' then
    return jsonb_build_object('faults', jsonb_build_array(
      (p_step.place || '.query', 'the query has a column without a name', 'name it: select … as name')::dreamlit._fault));
  end if;
  perform dreamlit._create_type(v_type, v_columns);
  perform dreamlit._create_item_function(p_search_path, v_name, 'jsonb', format('pg_catalog.to_jsonb(row(dreamlit_row.*)::%s)', v_type), p_scope, v_query);
  return jsonb_build_object('sql_function', v_name, 'scope', jsonb_build_object(
    'alias', p_step.name, 'key', p_step.name, 'type', v_type,
    'list', coalesce((p_step.step -> 'collect')::boolean, false), 'columns', v_columns));
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return jsonb_build_object('faults', jsonb_build_array(
    (p_step.place || '.query', split_part(sqlerrm, E'\n', 1), coalesce(nullif(v_hint, ''), dreamlit._hint_for(sqlstate, 'query')))::dreamlit._fault));
end;
$$;
comment on function dreamlit._compile_query(text, text, integer, record, jsonb) is
  'Compiles a query step and the type of its rows; returns {"faults"} or {"sql_function", "scope"}.';
grant execute on function dreamlit._compile_query(text, text, integer, record, jsonb) to dreamlit_admin;

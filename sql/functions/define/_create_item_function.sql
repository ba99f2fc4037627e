-- Takes the batch, not the item: one call lets the planner join all items at once.
create or replace function dreamlit._create_item_function(
  p_search_path text, p_name text, p_result_type text, p_result text, p_scope jsonb, p_query text default null)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._create_function(p_search_path, p_name || '(bigint[], jsonb[])', format($sql$
create function %1$s(p_ids bigint[], p_items jsonb[]) returns table (item_id bigint, result %2$s)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select dreamlit_item.id, %3$s
  from rows from (pg_catalog.unnest(p_ids), pg_catalog.unnest(p_items)) as dreamlit_item(id, item)
  %4$s
  %5$s;
end $sql$,
    p_name, p_result_type, p_result, dreamlit._scope_sql(p_scope, 'dreamlit_item.item'),
    case when p_query is not null then format(E'cross join lateral (\n%s\n) as dreamlit_row', p_query) end));
  -- An empty batch runs the permission checks and everything else that PostgreSQL leaves until execution.
  -- Typed, for somebody may have made a function of this name that takes text.
  execute format('select from %s(''{}''::bigint[], ''{}''::jsonb[])', p_name);
end;
$$;
comment on function dreamlit._create_item_function(text, text, text, text, jsonb, text) is
  'Creates the compiled batch function of a step and calls it once with no items, so that missing rights show at publish.';
grant execute on function dreamlit._create_item_function(text, text, text, text, jsonb, text) to dreamlit_admin;

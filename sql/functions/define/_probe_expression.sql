-- The first look puts the expression into WHERE, where PostgreSQL takes no aggregates and nothing that returns several rows. It
-- stands last there, so that what it leaves open is told as open.
create or replace function dreamlit._probe_expression(p_search_path text, p_place text, p_expression text, p_scope jsonb, p_type text)
returns setof dreamlit._fault
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_from constant text := format(E'from (select null::jsonb as item) as dreamlit_item\n  %s\n', dreamlit._scope_sql(p_scope, 'dreamlit_item.item'));
  v_type text;
  v_hint text;
begin
  perform dreamlit._probe(p_search_path, format(E'select true as value %s where (\n%s\n) is not null', v_from, p_expression));
  select p.type_name into v_type
  from dreamlit._probe(p_search_path, format(E'select (\n%s\n) as value %s', p_expression, v_from)) as p;
  if v_type <> p_type then
    return next (p_place, format('the expression is %s, not %s', v_type, p_type), format('make it a %s', p_type))::dreamlit._fault;
  end if;
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return next (p_place, split_part(sqlerrm, E'\n', 1), coalesce(nullif(v_hint, ''), dreamlit._hint_for(sqlstate, 'expression')))::dreamlit._fault;
end;
$$;
comment on function dreamlit._probe_expression(text, text, text, jsonb, text) is
  'Returns a fault if an SQL expression does not compile over its scope or is not of the type; PostgreSQL''s own message is the '
  'fact.';
grant execute on function dreamlit._probe_expression(text, text, text, jsonb, text) to dreamlit_admin;

-- PostgreSQL evaluates a trigger's own WHEN before it calls anything, so rows that do not match cost next to nothing. But it does
-- so as the writer and without a guard: only comparisons that cannot fail are left to it, which the compiled condition's tree shows.
-- Leakproof functions raise nothing; those named here are not marked so, and raise nothing either. Columns only, by
-- new on insert and old on delete, since a trigger knows no other names and captured rows have fewer columns than its own.
create or replace function dreamlit._native_condition(p_operation text, p_condition text, p_function text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format(E'(\n%s\n)', p_condition)
  from pg_proc as p
  cross join lateral (
    select array(select m[1] from regexp_matches(p.prosqlbody::text, '\{([A-Z_]+) ', 'g') as m) as nodes,
      array(select m[1]::oid from regexp_matches(p.prosqlbody::text, ':[a-z]*funcid ([1-9]\d*)', 'g') as m) as functions,
      array(select m[1] from regexp_matches(p.prosqlbody::text, '\{FIELDSELECT :arg \{PARAM :paramkind 0 :paramid (\d+)', 'g') as m) as columns
  ) as tree
  where p.oid = to_regproc(p_function)
    and tree.nodes <@ array['QUERY', 'FROMEXPR', 'TARGETENTRY', 'BOOLEXPR', 'OPEXPR', 'DISTINCTEXPR', 'SCALARARRAYOPEXPR', 'ARRAYEXPR', 'ARRAY',
      'FUNCEXPR', 'NULLTEST', 'BOOLEANTEST', 'COALESCEEXPR', 'COALESCE', 'RELABELTYPE', 'FIELDSELECT', 'PARAM', 'CONST']
    and tree.columns <@ array[case p_operation when 'insert' then '2' when 'delete' then '3' end]
    and cardinality(array_positions(tree.nodes, 'PARAM')) = cardinality(tree.columns)
    and not exists (
      select from unnest(tree.functions) as f(oid) left join pg_proc as c on c.oid = f.oid and c.pronamespace = 'pg_catalog'::regnamespace
      where not coalesce(c.proleakproof or c.prosrc in (
        'numeric_eq', 'numeric_ne', 'numeric_lt', 'numeric_le', 'numeric_gt', 'numeric_ge', 'int2_numeric', 'int4_numeric', 'int8_numeric',
        'enum_eq', 'enum_ne'), false));
$$;
comment on function dreamlit._native_condition(text, text, text) is
  'Returns a condition as the trigger''s own WHEN can ask it: p_condition is its text, p_function what it was compiled into. Null if '
  'it could fail, or asks for more than columns.';
grant execute on function dreamlit._native_condition(text, text, text) to dreamlit_admin;

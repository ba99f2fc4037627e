-- One misspelt column is found by our own check and by PostgreSQL's compiler: the first told of a place is the one that says
-- more.
create or replace function dreamlit._distinct_faults(p_faults jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(f.value order by f.ordinality), '[]')
  from jsonb_array_elements(p_faults) with ordinality as f(value, ordinality)
  where not exists (
    select from jsonb_array_elements(p_faults) with ordinality as g(value, ordinality)
    where g.value ->> 'place' = f.value ->> 'place' and g.ordinality < f.ordinality
      and (f.value = g.value or f.value ->> 'fact' like 'column % does not exist'));
$$;
comment on function dreamlit._distinct_faults(jsonb) is
  'Returns the faults without repetitions, and without PostgreSQL''s word on a column that we named already.';
grant execute on function dreamlit._distinct_faults(jsonb) to dreamlit_admin;

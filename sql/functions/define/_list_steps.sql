-- One reading of the steps, so that every check and the compiler see the same ids, parents and kinds.
create or replace function dreamlit._list_steps(p_definition jsonb)
returns table (step_position integer, place text, name text, kind text, parent text, step jsonb)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    s.ordinality::integer,
    format('steps[%s]', s.ordinality - 1),
    s.value ->> 'id',
    coalesce(
      (select k.kind from unnest(array['wait', 'query', 'email', 'slack']) as k(kind) where s.value ? k.kind limit 1),
      case when s.value ? 'if' then 'if' end),
    coalesce(s.value ->> 'after', lag(s.value ->> 'id') over (order by s.ordinality), 'trigger'),
    s.value
  from jsonb_array_elements(
    case when jsonb_typeof(p_definition -> 'steps') = 'array' then p_definition -> 'steps' else '[]' end
  ) with ordinality as s(value, ordinality)
  where jsonb_typeof(s.value) = 'object';
$$;
comment on function dreamlit._list_steps(jsonb) is
  'Returns the steps of a definition: position from 1, place, id, kind (null if none can be told), parent''s id (the step above '
  'unless after says otherwise).';
grant execute on function dreamlit._list_steps(jsonb) to dreamlit_admin;

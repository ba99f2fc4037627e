create or replace function dreamlit._order_steps(p_definition jsonb)
returns table (step_position integer, place text, name text, kind text, parent text, step jsonb, below_query boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    select * from dreamlit._list_steps(p_definition)
  ), ordered as (
    select s.*, 1 as depth, false as below_query from steps as s where s.parent = 'trigger'
    union all
    select s.*, o.depth + 1, o.below_query or (o.kind = 'query' and not coalesce((o.step -> 'collect')::boolean, false))
    from ordered as o join steps as s on s.parent = o.name
  )
  select o.step_position, o.place, o.name, o.kind, o.parent, o.step, o.below_query
  from ordered as o
  order by o.depth, o.step_position;
$$;
comment on function dreamlit._order_steps(jsonb) is
  'Returns the steps of a checked definition, parents first; below_query says whether a fan-out stands above.';
grant execute on function dreamlit._order_steps(jsonb) to dreamlit_admin;

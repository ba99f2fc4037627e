create or replace function dreamlit._check_tree(p_definition jsonb) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    select * from dreamlit._list_steps(p_definition)
  ), ids as (
    select array_agg(name order by step_position) filter (where name is not null) as names from steps
  ), reached as (
    select 'trigger' as name
    union
    select s.name from reached as r join steps as s on s.parent = r.name
  )
  select s.place || '.id', format('the id %s is used %s times', s.name, count(*) over (partition by s.name)), 'give each step an id of its own'
  from steps as s
  where s.name in (select t.name from steps as t group by t.name having count(*) > 1)
  union all
  select s.place || '.after', format('there is no step %s', s.parent), dreamlit._did_you_mean(s.parent, 'trigger'::text || ids.names)
  from steps as s cross join ids
  where s.step ? 'after' and s.parent <> 'trigger' and s.parent <> all (coalesce(ids.names, '{}'))
  union all
  select s.place || '.after', format('%s comes after itself', s.name), 'let one step of the circle come after trigger'
  from steps as s cross join ids
  where s.name not in (select r.name from reached as r)
    and not exists (select from steps as m where m.parent <> 'trigger' and m.parent <> all (coalesce(ids.names, '{}')))
    and not exists (select from steps as m where m.name is null);
$$;
comment on function dreamlit._check_tree(jsonb) is
  'Returns the faults of how the steps hang together: duplicate ids, missing parents, circles.';
grant execute on function dreamlit._check_tree(jsonb) to dreamlit_admin;

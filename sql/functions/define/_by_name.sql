-- A step's parent is part of what it is, even where it follows from the order.
create or replace function dreamlit._by_name(p_definition jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_definition || jsonb_build_object('steps', coalesce(jsonb_object_agg(s.name, s.step - 'id' || jsonb_build_object('after', s.parent)), '{}'))
  from dreamlit._list_steps(p_definition) as s;
$$;
comment on function dreamlit._by_name(jsonb) is
  'Returns a definition with its steps as an object by id, each with the parent that it has in effect.';

create or replace function dreamlit._check_definition(p_definition jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_definition) is distinct from 'object' then
    return next ('', 'the definition is no mapping', 'write workflow:, trigger: and steps:')::dreamlit._fault;
    return;
  end if;
  -- What is nested without end is refused before anything walks through it.
  if jsonb_path_exists(p_definition, '$.**{51}') then
    return next ('', 'the definition is nested more than 50 levels deep', 'write it flatter')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(
    '', p_definition, array['workflow', 'description', 'trigger', 'steps', 'files', 'references', 'locale'], array['workflow', 'trigger', 'steps']) as f;
  if p_definition ? 'workflow' and p_definition -> 'workflow' <> 'null'
    and (jsonb_typeof(p_definition -> 'workflow') <> 'string' or p_definition ->> 'workflow' !~ '^[a-z][a-z0-9_-]{0,39}$')
  then
    return next ('workflow', format('%s is no workflow name', p_definition -> 'workflow'),
      'use lower-case letters, digits, - and _, a letter first, at most 40')::dreamlit._fault;
  end if;
  return query select f.* from dreamlit._check_texts('', p_definition, array['description', 'locale']) as f;
  return query select f.* from dreamlit._check_locales(p_definition) as f;
  if p_definition ? 'files' and jsonb_typeof(p_definition -> 'files') <> 'object' then
    return next ('files', 'files is no mapping of names to texts', 'write files: {greet.html: …}')::dreamlit._fault;
  elsif p_definition ? 'files' then
    return query
      select 'files.' || e.key, format('the file %s is no text', e.key), 'give its content as a text'
      from jsonb_each(p_definition -> 'files') as e where jsonb_typeof(e.value) <> 'string'
      union all
      select 'files.' || e.key, format('the file %s is MJML as it was written', e.key),
        'publish with the dreamlit command or the Python client, which make HTML of it'
      from jsonb_each(p_definition -> 'files') as e where e.key ~* '\.mjml$' and e.value #>> '{}' ~ '<mj(ml|-[a-z]+)[[:space:]>/]';
  end if;
  if p_definition ? 'trigger' then
    return query select f.* from dreamlit._check_trigger(p_definition -> 'trigger') as f;
  end if;
  if p_definition ? 'steps' and (jsonb_typeof(p_definition -> 'steps') <> 'array' or p_definition -> 'steps' = '[]') then
    return next ('steps', 'steps is no list of steps', 'write at least one step')::dreamlit._fault;
    return;
  end if;
  return query
    select format('steps[%s]', s.ordinality - 1), 'the step is no mapping', 'write - id: …'
    from jsonb_array_elements(coalesce(p_definition -> 'steps', '[]')) with ordinality as s(value, ordinality)
    where jsonb_typeof(s.value) <> 'object';
  return query
    select f.* from dreamlit._list_steps(p_definition) as s cross join lateral dreamlit._check_step(s.place, s.kind, s.step) as f;
  return query select f.* from dreamlit._check_tree(p_definition) as f;
  return query select f.* from dreamlit._check_threads(p_definition) as f;
end;
$$;
comment on function dreamlit._check_definition(jsonb) is
  'Returns every fault of a definition that can be seen without the database''s tables; no row means none.';
grant execute on function dreamlit._check_definition(jsonb) to dreamlit_admin;

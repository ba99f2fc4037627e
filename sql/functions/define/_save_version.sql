create or replace function dreamlit._save_version(
  p_workflow_id bigint, p_version_id bigint, p_version integer, p_definition jsonb, p_publisher name, p_compiled jsonb,
  p_references jsonb, p_search_path text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not pg_has_role(session_user, p_publisher, 'member') then
    raise exception using errcode = 'DL004', message = format('%s is no member of %s', session_user, p_publisher),
      hint = 'publish as yourself';
  end if;
  insert into dreamlit._versions (version_id, workflow_id, version, definition, publisher, trigger_table, operations, template_references, search_path)
  overriding system value
  values (p_version_id, p_workflow_id, p_version, p_definition, p_publisher, p_compiled ->> 'table',
    array(select jsonb_array_elements_text(p_compiled -> 'operations')), p_references, p_search_path);

  insert into dreamlit._steps (version_id, position, name, kind, settings, if_function, sql_function, max_attempts)
  values (p_version_id, 0, 'trigger', 'trigger', '{}', p_compiled #>> '{capture,when_items}', p_compiled #>> '{capture,key_items}', 1);

  insert into dreamlit._steps (version_id, position, name, kind, settings, if_function, sql_function, max_attempts)
  select p_version_id, (s.value ->> 'position')::integer, s.value ->> 'name', s.value ->> 'kind',
    case when p_definition ? 'locale' and s.value ->> 'kind' in ('email', 'slack')
      then jsonb_set(s.value -> 'settings', '{templates,default_locale}', p_definition -> 'locale') else s.value -> 'settings' end,
    s.value ->> 'if_function', s.value ->> 'sql_function', (s.value #>> '{settings,attempts}')::integer
  from jsonb_array_elements(p_compiled -> 'steps') as s;
  update dreamlit._steps as s set parent_step_id = p.step_id
  from jsonb_array_elements(p_compiled -> 'steps') as c
  join dreamlit._steps as p on p.version_id = p_version_id and p.name = c.value ->> 'parent'
  where s.version_id = p_version_id and s.name = c.value ->> 'name' and s.position > 0;

  perform dreamlit._compiled(f.name, p_publisher)
  from dreamlit._steps as s cross join unnest(array[s.if_function, s.sql_function]) as f(name)
  where s.version_id = p_version_id and f.name is not null;
  update dreamlit._workflows set version_id = p_version_id,
    state = case when state = 'paused' then 'paused' else 'active' end,
    state_changed_at = case when state = 'unpublished' then dreamlit._now() else state_changed_at end
  where workflow_id = p_workflow_id;
  perform dreamlit._audit('publish', p_workflow_id, p_detail => jsonb_build_object('version', p_version, 'publisher', p_publisher));
end;
$$;
comment on function dreamlit._save_version(bigint, bigint, integer, jsonb, name, jsonb, jsonb, text) is
  'Stores a compiled version and makes it the workflow''s own. Raises DL004 if a compiled function is not the publisher''s '
  'definer function.';
grant execute on function dreamlit._save_version(bigint, bigint, integer, jsonb, name, jsonb, jsonb, text) to dreamlit_admin;

create or replace function dreamlit._preview_step(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[], p_all boolean) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_step dreamlit._steps := p_step;
  v_task_ids bigint[] := p_task_ids;
  v_items jsonb[] := p_items;
  v_version dreamlit._versions;
  v_rendered jsonb := jsonb '[]';
begin
  if p_all then
    v_step.if_function := null;
  end if;
  if p_step.kind not in ('email', 'slack', 'wait') then
    perform dreamlit._run_step(v_step, v_task_ids, v_items);
    return jsonb '[]';
  end if;
  select v.* into v_version from dreamlit._versions as v where v.version_id = p_step.version_id;
  if v_step.if_function is not null then
    select p.task_ids, p.items into v_task_ids, v_items from dreamlit._pass_condition(v_step, v_version.publisher, v_task_ids, v_items) as p;
  end if;
  if v_task_ids is null then
    return jsonb '[]';
  elsif p_step.kind = 'wait' then
    null;
  elsif dreamlit._renderer() = 'database' then
    select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('step', p_step.name, 'channel', p_step.kind, 'error', r.value -> 'error'))
      || case when r.value ? 'content' then jsonb_build_object('content', (r.value -> 'content') || coalesce(dreamlit._content_marks(p_step), '{}')) else '{}' end order by r.n), '[]')
    into v_rendered
    from jsonb_array_elements(dreamlit._render(
      p_step.kind, dreamlit._templates(p_step.settings), dreamlit._template_files(p_step.version_id), to_jsonb(v_items))) with ordinality as r(value, n);
  else
    select jsonb_agg(jsonb_build_object('step', p_step.name, 'channel', p_step.kind, 'context', i.item)
      || jsonb_build_object('marks', coalesce(dreamlit._content_marks(p_step), '{}'))
      || case when i.n = 1 then jsonb_build_object('templates', jsonb_build_object(
        'templates', dreamlit._templates(p_step.settings), 'files', dreamlit._template_files(p_step.version_id))) else '{}' end order by i.n)
    into v_rendered from unnest(v_items) with ordinality as i(item, n);
  end if;
  perform dreamlit._settle(v_task_ids, 'done');
  return v_rendered;
exception when others then
  perform dreamlit._settle(p_task_ids, 'failed',
    array_fill(jsonb_build_object('step', p_step.name, 'sqlstate', sqlstate, 'message', sqlerrm), array[cardinality(p_task_ids)]));
  return jsonb_build_array(jsonb_build_object('step', p_step.name, 'channel', case when p_step.kind in ('email', 'slack') then p_step.kind end,
    'error', jsonb_build_object('code', sqlstate, 'message', sqlerrm)));
end;
$$;
comment on function dreamlit._preview_step(dreamlit._steps, bigint[], jsonb[], boolean) is
  'Does a step for tasks of a preview, whose waits are over: a message is rendered and not posted, and the steps below it go on. Returns '
  '[{"step", "channel", "content" or "error", or where the senders render "context", "marks" and "templates"}].';

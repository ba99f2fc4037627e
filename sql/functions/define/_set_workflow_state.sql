create or replace function dreamlit._set_workflow_state(p_name text, p_from text, p_to text) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow(p_name);
begin
  if v_workflow.state = 'unpublished' then
    raise exception using errcode = 'DL003', message = format('workflow %s is not published', p_name), hint = 'publish it first';
  end if;
  update dreamlit._workflows set state = p_to, state_changed_at = dreamlit._now()
  where workflow_id = v_workflow.workflow_id and state = p_from;
  if found then
    perform dreamlit._audit(case p_to when 'paused' then 'pause' else 'resume' end, v_workflow.workflow_id);
  end if;
  return p_to;
end;
$$;
comment on function dreamlit._set_workflow_state(text, text, text) is
  'Moves a published workflow between active and paused; being there already is fine.';

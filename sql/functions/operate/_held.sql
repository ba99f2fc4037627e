create or replace function dreamlit._held(p_workflow text, p_reason text, p_lock boolean) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow(p_workflow);
begin
  if p_reason is null or p_reason not in ('sandbox', 'uncertain') then
    raise exception using errcode = 'DL001', message = format('messages are not held for %s', coalesce(p_reason, 'null')), hint = 'use sandbox or uncertain';
  end if;
  if p_lock then
    return array(
      select h.message_id from dreamlit._held_messages as h
      where h.workflow_id = v_workflow.workflow_id and h.reason = p_reason order by h.message_id for update);
  end if;
  return array(
    select h.message_id from dreamlit._held_messages as h
    where h.workflow_id = v_workflow.workflow_id and h.reason = p_reason order by h.message_id);
end;
$$;
comment on function dreamlit._held(text, text, boolean) is
  'Returns the held messages of a workflow, locked if told so: what somebody else settles meanwhile is not among them. Raises DL001 or DL002.';

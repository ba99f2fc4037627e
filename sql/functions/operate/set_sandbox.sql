create or replace function dreamlit.set_sandbox(name text, sandbox boolean) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
begin
  if $2 is null then
    raise exception using errcode = 'DL001', message = 'sandbox is null', hint = 'use true or false';
  end if;
  if v_workflow.sandbox <> $2 then
    update dreamlit._workflows as w set sandbox = $2 where w.workflow_id = v_workflow.workflow_id;
    perform dreamlit._audit(case when $2 then 'enter sandbox' else 'leave sandbox' end, v_workflow.workflow_id);
  end if;
  if $2 then
    perform dreamlit._hold_messages();
  end if;
  return $2;
end;
$$;
comment on function dreamlit.set_sandbox(text, boolean) is
  'Puts a workflow into the sandbox, where every message is held, those that are queued too, until dreamlit.release or '
  'dreamlit.discard; or takes it out: what is held stays so. Returns whether it is in. Raises DL002 for an unknown workflow.';
grant execute on function dreamlit.set_sandbox(text, boolean) to dreamlit_admin;

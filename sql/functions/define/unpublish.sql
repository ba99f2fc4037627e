create or replace function dreamlit.unpublish(name text, cancel_runs boolean default false)
returns table (open_runs bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
begin
  update dreamlit._workflows as w set state = 'unpublished', state_changed_at = dreamlit._now()
  where w.workflow_id = v_workflow.workflow_id and w.state <> 'unpublished';
  perform dreamlit._audit('unpublish', v_workflow.workflow_id);
  perform dreamlit._withdraw(v_workflow, cancel_runs);
  perform dreamlit._drop_unused_versions(cancel_runs);
  return query select count(*) from dreamlit._runs as r where r.workflow_id = v_workflow.workflow_id;
end;
$$;
comment on function dreamlit.unpublish(text, boolean) is
  'Takes a workflow''s triggers off its table. Open runs finish on their version unless cancel_runs; returns how many are open. '
  'Their version''s functions, which pin the columns they use, go when the last run has ended. Raises DL002 if there is no such '
  'workflow, DL007 if the table stays locked.';
grant execute on function dreamlit.unpublish(text, boolean) to dreamlit_admin;

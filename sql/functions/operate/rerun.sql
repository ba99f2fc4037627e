create or replace function dreamlit.rerun(run_id bigint, version integer default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows;
  v_version dreamlit._versions;
  v_event record;
  v_run_id bigint;
begin
  perform dreamlit._await_erasing();
  select w.* into v_workflow from dreamlit._workflows as w
  where w.workflow_id = (
    select r.workflow_id from dreamlit._runs as r where r.run_id = $1 union all select h.workflow_id from dreamlit._run_history as h where h.run_id = $1);
  if not found then
    perform dreamlit._finished_state($1);
  end if;
  v_version := dreamlit._version_of(v_workflow, $2);
  select e.* into v_event from dreamlit._repeat_events(array[$1], v_workflow.name, v_version) as e;
  if v_event.missing is not null then
    raise exception using errcode = 'DL003',
      message = format('version %s of workflow %s reads %s, which run %s did not capture', v_version.version, v_workflow.name, v_event.missing, $1),
      hint = format('rerun it on the version it ran on, or start the workflow with a payload of your own: select dreamlit.start(%L, …)', v_workflow.name);
  end if;
  v_run_id := dreamlit._launch_event(v_version.version_id, v_event.operation, v_event.event);
  if v_run_id is null then
    raise exception using errcode = 'DL003', message = format('workflow %s has an open run with the key %s', v_workflow.name, v_event.event ->> 'key'),
      hint = 'wait for its end, or cancel it: dreamlit.cancel_run(run_id)';
  end if;
  perform dreamlit._audit('rerun', v_workflow.workflow_id, v_run_id, p_detail => jsonb_build_object('of', $1, 'version', v_version.version));
  return v_run_id;
end;
$$;
comment on function dreamlit.rerun(bigint, integer) is
  'Starts the event of a run afresh, on the published version or the one that is named, and returns the id of the new run; the '
  'old one stays as it is. The trigger''s condition is not asked again. Raises DL002 if there is no such run or version, DL003 if '
  'the version has been retired, reads columns that the run did not capture, or the key has an open run.';
grant execute on function dreamlit.rerun(bigint, integer) to dreamlit_admin;

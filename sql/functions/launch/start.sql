create or replace function dreamlit.start(name text, payload jsonb default '{}') returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
  v_version dreamlit._versions;
  v_event jsonb;
  v_run_id bigint;
begin
  if v_workflow.state = 'unpublished' then
    raise exception using errcode = 'DL003', message = format('workflow %s is not published', $1), hint = 'publish it first';
  end if;
  select v.* into v_version from dreamlit._versions as v where v.version_id = v_workflow.version_id;
  v_event := dreamlit._check_payload(v_workflow.name, v_version, payload);
  v_run_id := dreamlit._launch_event(v_version.version_id, 'call', v_event);
  if v_run_id is null then
    raise exception using errcode = 'DL003',
      message = format('workflow %s has an open run with the key %s', $1, v_event ->> 'key'),
      hint = 'wait for its end, or cancel it: dreamlit.cancel_run(run_id)';
  end if;
  return v_run_id;
end;
$$;
comment on function dreamlit.start(text, jsonb) is
  'Starts a run by hand and returns its id; the condition of the trigger is not asked. payload holds the captured columns by '
  'name: dreamlit.start(''welcome'', ''{"email": "a@example.com"}''). Raises DL001 for a field that the version does not '
  'capture or a value of the wrong type, DL002 for an unknown workflow, DL003 if it is not published or its key has an open '
  'run. The run begins when the caller commits.';
grant execute on function dreamlit.start(text, jsonb) to dreamlit_admin;

create or replace function dreamlit._begin_version(p_definition jsonb, p_publisher name)
returns table (workflow_id bigint, version_id bigint, version integer, previous jsonb, unchanged boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows;
  v_previous dreamlit._versions;
  v_last integer;
begin
  if not pg_has_role(session_user, p_publisher, 'member') then
    raise exception using errcode = 'DL004', message = format('%s is no member of %s', session_user, p_publisher),
      hint = 'publish as yourself';
  end if;
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('publish'));
  insert into dreamlit._workflows (name, state) values (p_definition ->> 'workflow', 'unpublished') on conflict do nothing;
  select w.* into v_workflow from dreamlit._workflows as w where w.name = p_definition ->> 'workflow' for update;
  select v.* into v_previous from dreamlit._versions as v where v.version_id = v_workflow.version_id;
  select coalesce(max(v.version), 0) into v_last from dreamlit._versions as v where v.workflow_id = v_workflow.workflow_id;

  if v_workflow.state <> 'unpublished' and v_previous.publisher <> p_publisher then
    raise exception using errcode = 'DL003',
      message = format('workflow %s is published by %s, not by %s', v_workflow.name, v_previous.publisher, p_publisher),
      hint = format('set role %I, or unpublish the workflow first', v_previous.publisher);
  end if;
  perform dreamlit._grant_publisher(p_publisher);
  return query select v_workflow.workflow_id,
    nextval(pg_get_serial_sequence('dreamlit._versions', 'version_id')),
    case when q.unchanged then v_previous.version else v_last + 1 end,
    case when v_workflow.state <> 'unpublished' then v_previous.definition end,
    q.unchanged
  from (select v_workflow.state <> 'unpublished' and v_previous.definition = p_definition
    and dreamlit._is_whole(v_workflow.name, v_previous) as unchanged) as q;
end;
$$;
comment on function dreamlit._begin_version(jsonb, name) is
  'Locks the workflow for publishing and returns the ids of the version to be; unchanged if it is published just so, and whole. previous '
  'is the published definition.';
grant execute on function dreamlit._begin_version(jsonb, name) to dreamlit_admin;

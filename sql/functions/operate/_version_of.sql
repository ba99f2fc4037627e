create or replace function dreamlit._version_of(p_workflow dreamlit._workflows, p_version integer) returns dreamlit._versions
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions;
begin
  if p_version is null and p_workflow.state = 'unpublished' then
    raise exception using errcode = 'DL003', message = format('workflow %s is not published', p_workflow.name), hint = 'publish it first, or name a version';
  end if;
  select v.* into v_version from dreamlit._versions as v
  where v.workflow_id = p_workflow.workflow_id and case when p_version is null then v.version_id = p_workflow.version_id else v.version = p_version end;
  if not found then
    raise exception using errcode = 'DL002', message = format('workflow %s has no version %s', p_workflow.name, p_version), hint = 'look in dreamlit.versions';
  elsif not v_version.compiled then
    raise exception using errcode = 'DL003', message = format('version %s of workflow %s has been retired', v_version.version, p_workflow.name),
      hint = format('name the published version, or publish this one again: select * from dreamlit.rollback(%L, %s)', p_workflow.name, v_version.version);
  end if;
  return v_version;
end;
$$;
comment on function dreamlit._version_of(dreamlit._workflows, integer) is
  'Returns a version of a workflow that can run, the published one for null; raises DL002 or DL003.';

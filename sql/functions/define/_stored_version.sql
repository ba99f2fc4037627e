create or replace function dreamlit._stored_version(p_workflow text, p_version integer) returns dreamlit._versions
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow(p_workflow);
  v_version dreamlit._versions;
begin
  select v.* into v_version from dreamlit._versions as v where v.workflow_id = v_workflow.workflow_id and v.version = p_version;
  if not found then
    raise exception using errcode = 'DL002', message = format('workflow %s has no version %s', p_workflow, p_version),
      hint = 'look in dreamlit.versions';
  end if;
  return v_version;
end;
$$;
comment on function dreamlit._stored_version(text, integer) is
  'Returns a version of a workflow, whether it can still run or not; raises DL002 if there is none.';

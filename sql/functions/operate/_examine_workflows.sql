create or replace function dreamlit._examine_workflows() returns table (name text, state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow record;
  v_fault record;
  v_sound boolean;
begin
  for v_workflow in
    select w.name, w.state, v.version_id, v.version, v.publisher, v.operations, v.definition
    from dreamlit._workflows as w join dreamlit._versions as v on v.version_id = w.version_id
    where w.state <> 'unpublished' order by w.name
  loop
    v_sound := true;
    for v_fault in
      select f.* from dreamlit._examine_triggers(v_workflow.name, v_workflow.version, v_workflow.publisher, v_workflow.operations) as f
      union all
      select f.* from dreamlit._examine_functions(v_workflow.version_id, v_workflow.publisher) as f
    loop
      v_sound := false;
      return query select 'workflow ' || v_workflow.name, v_fault.state, v_fault.detail, v_fault.mend;
    end loop;
    if v_sound then
      return query select 'workflow ' || v_workflow.name, 'ok', format('version %s, published by %s, %s', v_workflow.version, v_workflow.publisher, v_workflow.state), null::text;
    end if;
  end loop;
  return query select * from dreamlit._examine_old_versions();
end;
$$;
comment on function dreamlit._examine_workflows() is
  'Returns the doctor''s checks of every published workflow, its triggers and its compiled functions, and of old versions with runs.';

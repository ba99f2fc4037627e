-- A run finishes on the version that it started with, so runs on old ones are no fault as long as that version can run.
create or replace function dreamlit._examine_old_versions() returns table (name text, state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_version record;
  v_fault text;
begin
  for v_version in
    select w.name, v.version_id, v.version, v.publisher, v.compiled, s.open_runs, s.state
    from dreamlit.versions as s
    join dreamlit._workflows as w on w.name = s.workflow
    join dreamlit._versions as v on v.workflow_id = w.workflow_id and v.version = s.version
    where s.state <> 'published' and s.open_runs > 0
    order by w.name, v.version
  loop
    v_fault := case when v_version.compiled then (select f.detail from dreamlit._examine_functions(v_version.version_id, v_version.publisher) as f limit 1)
      else 'its compiled functions are gone' end;
    return query select format('version %s of %s', v_version.version, v_version.name), case when v_fault is null then 'ok' else 'warning' end,
      concat_ws(': ', format('replaced, with %s open run%s', v_version.open_runs, case when v_version.open_runs > 1 then 's' end), v_fault),
      format('select * from dreamlit.migrate_runs(%L, %s)', v_version.name, v_version.version);
  end loop;
end;
$$;
comment on function dreamlit._examine_old_versions() is
  'Returns a check for each version that is not published and has open runs: how many, and whether they can run.';

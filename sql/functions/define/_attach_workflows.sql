create or replace function dreamlit._attach_workflows(p_search_path text) returns table (workflow text, version integer)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_version record;
  v_own jsonb;
  v_faults jsonb := '[]'::jsonb;
begin
  for v_version in select d.* from dreamlit._list_detached() as d loop
    v_own := dreamlit._recompile_as(v_version.publisher, v_version.version_id, p_search_path);
    if v_own = '[]' then
      return query select v_version.name, v_version.number;
    elsif not dreamlit._abandon_detached(v_version.version_id) then
      v_faults := v_faults || (
        select jsonb_agg(f.value || jsonb_build_object('place', format('%s version %s: %s', v_version.name, v_version.number, f.value ->> 'place')))
        from jsonb_array_elements(v_own) as f(value));
    end if;
  end loop;
  if v_faults <> '[]' then
    raise exception using errcode = 'DL001', detail = v_faults::text,
      message = 'after the migration these versions do not compile any more:' || (
        select string_agg(format(E'\n  %s: %s (%s)', f.value ->> 'place', f.value ->> 'fact', f.value ->> 'hint'), '')
        from jsonb_array_elements(v_faults) as f(value)),
      hint = 'rename first and by itself, publish the definition with the new names, then migrate; or publish it between '
        'detach_workflows and attach_workflows. Runs of an old version: dreamlit.migrate_runs, or wait for their end; one kept for '
        'failed runs: dreamlit.retire_version';
  end if;
end;
$$;
comment on function dreamlit._attach_workflows(text) is
  'What attach_workflows does, under a pinned path; p_search_path is the caller''s.';
grant execute on function dreamlit._attach_workflows(text) to dreamlit_admin;

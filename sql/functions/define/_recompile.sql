-- Types and functions are made anew under the same names; only a published version captures, so only it gets an anchor.
create or replace function dreamlit._recompile(p_version_id bigint, p_search_path text) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_version record;
  v_compiled jsonb;
begin
  select t.* into v_version from dreamlit._take_detached(p_version_id) as t;
  v_compiled := dreamlit._compile_version(
    coalesce(v_version.search_path, p_search_path), v_version.number, v_version.definition, v_version.template_references, v_version.captured);
  if v_compiled -> 'faults' <> '[]' then
    return v_compiled -> 'faults';
  end if;
  if v_version.captured is null then
    perform dreamlit._watch_table(v_version.definition, p_version_id, v_version.number, v_version.definition, v_compiled);
  end if;
  perform dreamlit._end_detaching(p_version_id);
  return '[]'::jsonb;
end;
$$;
comment on function dreamlit._recompile(bigint, text) is
  'Compiles a detached version again as the caller, who must be its publisher; returns the faults as a list, empty if there are none.';
grant execute on function dreamlit._recompile(bigint, text) to dreamlit_admin;

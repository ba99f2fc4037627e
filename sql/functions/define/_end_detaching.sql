create or replace function dreamlit._end_detaching(p_version_id bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions := dreamlit._detached_version(p_version_id);
begin
  perform dreamlit._compiled(f.name, v_version.publisher)
  from dreamlit._steps as s cross join unnest(array[s.if_function, s.sql_function]) as f(name)
  where s.version_id = p_version_id and f.name is not null;
  delete from dreamlit._detached_versions as d where d.version_id = p_version_id;
end;
$$;
comment on function dreamlit._end_detaching(bigint) is
  'Notes that a detached version is whole again; raises DL003 or DL004 if a compiled function is missing or not its publisher''s.';
grant execute on function dreamlit._end_detaching(bigint) to dreamlit_admin;

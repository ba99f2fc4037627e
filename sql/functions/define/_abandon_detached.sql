-- A version that nothing runs on stays compiled for a while after it was replaced, for a transaction that was open then may yet
-- bring an event. That must not hold up a migration: the run of such an event fails visibly, and can be run again on the new version.
create or replace function dreamlit._abandon_detached(p_version_id bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions := dreamlit._detached_version(p_version_id);
begin
  if not exists (
    select from dreamlit.versions as s join dreamlit._workflows as w on w.name = s.workflow
    where w.workflow_id = v_version.workflow_id and s.version = v_version.version and s.state = 'retained' and s.failed_runs = 0)
  then
    return false;
  end if;
  perform dreamlit._drop_compiled(p_version_id);
  delete from dreamlit._detached_versions as d where d.version_id = p_version_id;
  return true;
end;
$$;
comment on function dreamlit._abandon_detached(bigint) is
  'Gives up a detached version that does not compile any more, if nothing runs on it and nothing could be retried; returns whether it did.';
grant execute on function dreamlit._abandon_detached(bigint) to dreamlit_admin;

-- As the schema's owner we may drop what publishers made here. A version is used while it is published, has open runs or waiting
-- events, or failed lately: a failed run is retried on the version it failed on. An event of it may also stand in a transaction
-- that has not committed: so it is first marked as unused, and goes when all transactions of that moment have ended. Unpublishing
-- took its table's lock, so there is none then.
create or replace function dreamlit._drop_unused_versions(p_at_once boolean default false) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_snapshot constant pg_snapshot := pg_current_snapshot();
  v_version record;
  v_count integer := 0;
begin
  for v_version in
    select v.version_id, v.version, w.name, v.unused_since,
      w.state = 'unpublished' and v.trigger_table is not null as withdrawn
    from dreamlit._versions as v join dreamlit._workflows as w using (workflow_id)
    where v.compiled and (v.version_id is distinct from w.version_id or w.state = 'unpublished')
      and not exists (select from dreamlit._runs as r where r.version_id = v.version_id)
      and not exists (select from pgmq.q_dreamlit_events as q where q.message -> 'version' = to_jsonb(v.version_id))
      -- Of the same moment as the look at open runs: between two, one could end that was in neither.
      and (p_at_once and w.state = 'unpublished' or v.version_id <> all ((select dreamlit._failed_versions())::bigint[]))
    order by v.version_id
    for update of v skip locked
  loop
    if not v_version.withdrawn and coalesce(v_version.unused_since > pg_snapshot_xmin(v_snapshot), true) then
      -- A mark that lies ahead came with a dump from another server. The snapshot's own end is no mark: it stands at the first
      -- transaction that has not ended, which may have begun long ago.
      update dreamlit._versions as v set unused_since = pg_current_xact_id()
      where v.version_id = v_version.version_id and coalesce(v.unused_since > pg_snapshot_xmax(v_snapshot), true);
      continue;
    end if;
    begin
      perform dreamlit._drop_compiled(v_version.version_id);
      update dreamlit._versions set compiled = false where version_id = v_version.version_id;
      v_count := v_count + 1;
    exception when dependent_objects_still_exist then
      -- Somebody's view stands on them: that must hold up neither publishing nor housekeeping.
      raise warning 'dreamlit: version % of workflow % stays: %', v_version.version, v_version.name, sqlerrm;
    end;
  end loop;
  return v_count;
end;
$$;
comment on function dreamlit._drop_unused_versions(boolean) is
  'Drops the compiled functions of versions that nothing can run on any more, and returns how many versions; one that was just '
  'replaced is only marked, and goes at a later call. With p_at_once '
  'failed runs of unpublished workflows do not count.';

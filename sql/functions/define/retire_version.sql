-- A transaction that was open when the version was replaced may still bring an event of it: so like _drop_unused_versions this
-- marks it first, and drops it when all transactions of that moment have ended.
create or replace function dreamlit.retire_version(name text, version integer) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_snapshot constant pg_snapshot := pg_current_snapshot();
  v_version dreamlit._versions := dreamlit._stored_version(name, version);
  v_state record;
begin
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('publish'));
  select v.* into v_version from dreamlit._versions as v where v.version_id = v_version.version_id for update;
  select v.state, v.open_runs, v.waiting_events into v_state from dreamlit.versions as v where v.workflow = $1 and v.version = $2;
  if v_state.state in ('published', 'draining') then
    raise exception using errcode = 'DL003',
      message = format('version %s of %s is %s: %s open runs, %s waiting events', $2, $1, v_state.state, v_state.open_runs, v_state.waiting_events),
      hint = case v_state.state when 'published' then 'publish another version, or unpublish the workflow first'
        else format('wait for their end, or move them on: select * from dreamlit.migrate_runs(%L, %s)', $1, $2) end;
  elsif v_state.state = 'retired' then
    return 'retired';
  elsif coalesce(v_version.unused_since > pg_snapshot_xmin(v_snapshot), true) then
    update dreamlit._versions as v set unused_since = pg_current_xact_id()
    where v.version_id = v_version.version_id and coalesce(v.unused_since > pg_snapshot_xmax(v_snapshot), true);
    return 'marked';
  end if;
  perform dreamlit._drop_compiled(v_version.version_id);
  update dreamlit._versions as v set compiled = false where v.version_id = v_version.version_id;
  perform dreamlit._audit('retire version', v_version.workflow_id, p_detail => jsonb_build_object('version', $2));
  return 'retired';
end;
$$;
comment on function dreamlit.retire_version(text, integer) is
  'Gives up a version that is only kept for the retry of its failed runs, so that it pins no columns any more. Returns retired; or '
  'marked, if a transaction that is open may still bring an event of it: commit, and call it again when that has ended. Raises '
  'DL002 for an unknown version, DL003 if it is published or has open runs or waiting events.';
grant execute on function dreamlit.retire_version(text, integer) to dreamlit_admin;

-- Runs as the owner, so the session must be a member of whoever published what it detaches.
create or replace function dreamlit._begin_detaching(p_table regclass)
returns table (version_id bigint, name text, number integer, publisher name, watched_table regclass, pinned_by_trigger boolean, trigger_sql text[])
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_version record;
  v_watched boolean;
begin
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('publish'));
  for v_version in
    select v.version_id, w.name, v.version, v.publisher, v.version_id = w.version_id and w.state <> 'unpublished' as published
    from dreamlit._versions as v join dreamlit._workflows as w on w.workflow_id = v.workflow_id
    where v.compiled and exists (select from dreamlit._pinning_functions(v.version_id, p_table))
    order by v.version_id
    for update of v
  loop
    perform dreamlit._check_publisher(v_version.publisher, v_version.name);
    perform dreamlit._grant_publisher(v_version.publisher);
    v_watched := v_version.published and exists (
      select from dreamlit._pinning_functions(v_version.version_id, p_table) as f
      where f.oid = to_regprocedure(dreamlit._object_name(v_version.name, v_version.version, 'columns') || '()'));
    insert into dreamlit._detached_versions (version_id) values (v_version.version_id) on conflict do nothing;
    return query
      select v_version.version_id, v_version.name, v_version.version, v_version.publisher, t.watched_table, t.pinned, t.sql
      from dreamlit._detached_triggers(v_version.version_id, v_watched) as t;
  end loop;
end;
$$;
comment on function dreamlit._begin_detaching(regclass) is
  'Notes and locks the versions to be detached, and returns each with its publisher, the table whose trigger pins columns, and the '
  'statements, to be run as the publisher, that let its triggers do without what is about to be dropped. Raises DL004.';
grant execute on function dreamlit._begin_detaching(regclass) to dreamlit_admin;

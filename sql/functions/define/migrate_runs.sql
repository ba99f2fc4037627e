-- Lock order: the version to go to (nobody may retire it meanwhile), tasks, runs by id, the history of failed tasks. Tasks that a
-- worker holds are passed over with their runs.
create or replace function dreamlit.migrate_runs(
  name text, from_version integer, to_version integer default null, dry_run boolean default false)
returns table (run_id bigint, moved boolean, reason text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow(name);
  v_from dreamlit._versions := dreamlit._stored_version(name, from_version);
  v_to dreamlit._versions := dreamlit._version_of(v_workflow, to_version);
  v_tasks bigint[];
  v_runs bigint[];
  v_reasons text[];
  v_fit bigint[];
begin
  if v_from.version_id = v_to.version_id then
    raise exception using errcode = 'DL001', message = format('version %s is where the runs are', v_to.version),
      hint = 'name the version that they are to leave and another one to go to';
  end if;
  perform from dreamlit._versions as v where v.version_id = v_to.version_id and v.compiled for share;
  if not found then
    v_to := dreamlit._version_of(v_workflow, v_to.version);
  end if;
  v_tasks := array(
    select t.task_id from dreamlit._tasks as t join dreamlit._runs as r on r.run_id = t.run_id
    where r.version_id = v_from.version_id order by t.task_id for update of t skip locked);
  perform r.run_id from dreamlit._runs as r where r.version_id = v_from.version_id
    and r.run_id in (select t.run_id from dreamlit._tasks as t join unnest(v_tasks) as l(task_id) on l.task_id = t.task_id)
    and not exists (
      select from dreamlit._tasks as t left join unnest(v_tasks) as l(task_id) on l.task_id = t.task_id
      where t.run_id = r.run_id and l.task_id is null)
  order by r.run_id for update;

  select array_agg(o.run_id), array_agg(o.reason), array_agg(o.run_id) filter (where o.reason is null) into v_runs, v_reasons, v_fit
  from dreamlit._run_obstacles(v_workflow.name, v_from, v_to, v_tasks) as o;
  if v_fit is not null and not dry_run then
    perform dreamlit._move_runs(v_fit, v_from.version_id, v_to.version_id);
    perform dreamlit._audit('migrate runs', v_workflow.workflow_id, p_detail => jsonb_build_object(
      'from', v_from.version, 'to', v_to.version, 'runs', cardinality(v_fit)));
    perform dreamlit._drop_unused_versions();
  end if;
  return query
    select u.run_id, u.reason is null and not migrate_runs.dry_run, u.reason
    from unnest(v_runs, v_reasons) as u(run_id, reason) order by u.run_id;
end;
$$;
comment on function dreamlit.migrate_runs(text, integer, integer, boolean) is
  'Moves the open runs of a version that wait or are due to the steps of the same names in another version, the published one '
  'unless told otherwise; waits keep their moments. Returns every open run of the version, whether it was moved, and the reason '
  'why it cannot be: a step gone or of another kind, a query or a captured column that it lacks, messages under way. With '
  'dry_run nothing is moved, and a run without a reason would be. Raises DL002 for an unknown version, DL003 for a retired one. '
  'Runs in the caller''s transaction; events that wait in the queue for the old version become runs of it afterwards.';
grant execute on function dreamlit.migrate_runs(text, integer, integer, boolean) to dreamlit_admin;

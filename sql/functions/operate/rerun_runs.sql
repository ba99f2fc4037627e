-- The events go through the queue again, 500 a message as a statement's do: the worker starts the runs.
create or replace function dreamlit.rerun_runs(
  workflow text, states text[] default array['failed'], since timestamptz default null, until timestamptz default null,
  version integer default null, dry_run boolean default false)
returns table (runs bigint, unfit bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
  v_version dreamlit._versions := dreamlit._version_of(v_workflow, $5);
  v_fit bigint;
  v_unfit bigint;
begin
  if not $2 <@ array['running', 'failed', 'done', 'cancelled'] then
    raise exception using errcode = 'DL001', message = format('the states are %s', $2), hint = 'use running, failed, done and cancelled';
  end if;
  if not $6 then
    perform dreamlit._await_erasing();
  end if;
  with repeated as materialized (
    select e.* from dreamlit._repeat_events(array(select m.run_id from dreamlit._matching_runs($1, $2, $3, $4) as m), v_workflow.name, v_version) as e
  ), chunks as (
    select e.*, (row_number() over (partition by e.operation order by e.run_id) - 1) / 500 as chunk from repeated as e where e.missing is null and not $6
  ), queued as (
    insert into pgmq.q_dreamlit_events (vt, message, headers)
    select now(), jsonb_build_object('version', v_version.version_id, 'operation', c.operation, 'events', jsonb_agg(c.event order by c.run_id)),
      jsonb_build_object('version', v_version.version_id, 'events', count(*))
    from chunks as c
    group by c.operation, c.chunk
  )
  select count(*) filter (where e.missing is null), count(*) filter (where e.missing is not null) into v_fit, v_unfit from repeated as e;
  if not dry_run and v_fit > 0 then
    perform dreamlit._audit('rerun runs', v_workflow.workflow_id, p_detail => jsonb_build_object('runs', v_fit, 'version', v_version.version));
  end if;
  return query select v_fit, v_unfit;
end;
$$;
comment on function dreamlit.rerun_runs(text, text[], timestamptz, timestamptz, integer, boolean) is
  'Starts afresh the events of all runs of a workflow that are in the states (running, failed, done, cancelled) and started since '
  'and before the times, on the published version or the one that is named; returns how many, and how many do not fit because the '
  'version reads columns that they did not capture. The worker starts the new runs. With dry_run it only counts. Raises DL001 for '
  'an unknown state, DL002, or DL003 if the version has been retired.';
grant execute on function dreamlit.rerun_runs(text, text[], timestamptz, timestamptz, integer, boolean) to dreamlit_admin;

create or replace function dreamlit.retry_failed(
  workflow text default null, since timestamptz default null, until timestamptz default null, dry_run boolean default false)
returns table (runs bigint, tasks bigint, retired bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_runs bigint[];
  v_tasks bigint;
begin
  if not dry_run then
    perform dreamlit._await_erasing();
  end if;
  select count(*) filter (where not v.compiled), array_agg(m.run_id order by m.run_id) filter (where v.compiled) into retired, v_runs
  from dreamlit._matching_runs($1, array['failed'], $2, $3) as m join dreamlit._versions as v on v.version_id = m.version_id;
  if dry_run then
    select array_agg(t.run_id), coalesce(sum(t.tasks), 0) into v_runs, v_tasks from dreamlit._retriable_runs(v_runs) as t;
  else
    v_runs := dreamlit._reopen_runs(v_runs);
    v_tasks := dreamlit._retry_runs(v_runs);
  end if;
  return query select coalesce(cardinality(v_runs), 0)::bigint, v_tasks, coalesce(retry_failed.retired, 0);
end;
$$;
comment on function dreamlit.retry_failed(text, timestamptz, timestamptz, boolean) is
  'Resumes the failed tasks of all failed runs of a workflow (null for all) that started since and before the times, in one '
  'transaction, and returns how many runs and tasks; retired counts the runs left out because their version is gone, whose key is '
  'open again, or what was erased, is left out too. With dry_run it only counts. Raises DL001 without workflow and since, DL002 for an unknown workflow.';
grant execute on function dreamlit.retry_failed(text, timestamptz, timestamptz, boolean) to dreamlit_admin;

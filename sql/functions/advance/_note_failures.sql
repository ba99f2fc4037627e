create or replace function dreamlit._note_failures(p_task_ids bigint[], p_errors jsonb[]) returns void
language sql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  insert into dreamlit._failures (workflow_id, step_id, run_id, failed, error, failed_at)
  select v.workflow_id, t.step_id, min(t.run_id), count(*), (array_agg(coalesce(u.error, t.error, '{}') order by t.task_id))[1], dreamlit._now()
  from unnest(p_task_ids, p_errors) as u(task_id, error)
  cross join lateral (select t.* from dreamlit._tasks as t where t.task_id = u.task_id limit 1) as t
  join dreamlit._steps as s on s.step_id = t.step_id
  join dreamlit._versions as v on v.version_id = s.version_id
  group by v.workflow_id, t.step_id;
$$;
comment on function dreamlit._note_failures(bigint[], jsonb[]) is 'Notes tasks that are about to fail for good, a row a step, for the alerts.';

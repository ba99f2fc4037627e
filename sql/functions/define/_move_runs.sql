create or replace function dreamlit._move_runs(p_run_ids bigint[], p_from bigint, p_to bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update dreamlit._tasks as t set step_id = n.step_id
  from unnest(p_run_ids) as u(run_id), dreamlit._steps as o, dreamlit._steps as n
  where t.run_id = u.run_id and o.step_id = t.step_id and o.version_id = p_from and n.version_id = p_to and n.name = o.name;
  update dreamlit._task_history as h set step_id = n.step_id
  from dreamlit._runs as r, dreamlit._steps as o, dreamlit._steps as n
  where r.run_id = any (p_run_ids) and r.failed_tasks > 0 and h.run_id = r.run_id and h.state = 'failed'
    and o.step_id = h.step_id and o.version_id = p_from and n.version_id = p_to and n.name = o.name;
  update dreamlit._runs as r set version_id = p_to from unnest(p_run_ids) as u(run_id) where r.run_id = u.run_id;
end;
$$;
comment on function dreamlit._move_runs(bigint[], bigint, bigint) is
  'Moves locked runs with their open and failed tasks to the steps of the same names in another version.';

-- One look at the index for each step of a compiled version; a step with due tasks is taken whether it has one or a million. Low
-- marks are asked for only where this session has one, and set where nothing is due only if looking took long, that is over dead rows:
-- a worker looks ten times a second, at every step.
create or replace function dreamlit._due_steps() returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_began_at constant timestamptz := clock_timestamp();
  v_due bigint[];
  v_searched bigint[];
begin
  select coalesce(array_agg(l.step_id order by l.step_id) filter (where l.due), '{}'), array_agg(l.step_id) filter (where not l.due and l.low is null)
  into v_due, v_searched
  from (
    select m.step_id, m.low, exists (
      select from dreamlit._tasks as t
      where t.step_id = m.step_id and t.due_at <= dreamlit._now() and t.due_at >= dreamlit._moment(m.low)) as due
    from (
      select s.step_id, case when current_setting('dreamlit.mark_step_' || s.step_id, true) <> '' then dreamlit._low_mark('step_' || s.step_id) end as low
      from dreamlit._versions as v
      join dreamlit._workflows as w on w.workflow_id = v.workflow_id
      join dreamlit._steps as s on s.version_id = v.version_id
      where v.compiled and w.state <> 'paused'
      offset 0) as m  -- each mark is asked for once
    ) as l;
  if clock_timestamp() - v_began_at > interval '5 milliseconds' + cardinality(v_searched) * interval '20 microseconds' then
    perform dreamlit._set_low_mark('step_' || s.step_id, null, dreamlit._mark(dreamlit._now()), true, v_began_at) from unnest(v_searched) as s(step_id);
  end if;
  return v_due;
end;
$$;
comment on function dreamlit._due_steps() is 'Returns the steps that have due tasks, leaving out paused workflows.';
grant execute on function dreamlit._due_steps() to dreamlit_admin;

-- One look at the index for each step of a compiled version; a step with due tasks is taken whether it has one or a million. Low
-- marks are asked for only where this session has one: a worker looks ten times a second, at every step.
create or replace function dreamlit._due_steps() returns bigint[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  return (
    select coalesce(array_agg(s.step_id order by s.step_id), '{}')
    from dreamlit._versions as v
    join dreamlit._workflows as w on w.workflow_id = v.workflow_id
    join dreamlit._steps as s on s.version_id = v.version_id
    cross join lateral (
      select from dreamlit._tasks as t
      where t.step_id = s.step_id and t.due_at <= dreamlit._now() and t.due_at >= case
        when coalesce(current_setting('dreamlit.mark_step_' || s.step_id, true), '') = '' then '-infinity'
        else dreamlit._moment(dreamlit._low_mark('step_' || s.step_id)) end
      limit 1
    ) as due
    where v.compiled and w.state <> 'paused');
end;
$$;
comment on function dreamlit._due_steps() is 'Returns the steps that have due tasks, leaving out paused workflows.';
grant execute on function dreamlit._due_steps() to dreamlit_admin;

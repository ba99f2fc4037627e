-- A full disk or a deadlock is the server's trouble: the task waits, and no attempt of it counts.
create or replace function dreamlit._fail_task(p_step dreamlit._steps, p_task_id bigint, p_sqlstate text, p_message text)
returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_error jsonb;
  v_attempt integer;
begin
  if p_sqlstate in ('53100', '40P01', '40001') then
    update dreamlit._tasks as t set
      error = jsonb_build_object('step', p_step.name, 'sqlstate', p_sqlstate, 'message', p_message, 'attempt', t.attempt),
      due_at = dreamlit._retry_at(p_step.kind, t.attempt + 1)
    where t.task_id = p_task_id;
    return;
  end if;
  update dreamlit._tasks as t set attempt = t.attempt + 1 where t.task_id = p_task_id returning t.attempt into v_attempt;
  v_error := jsonb_build_object('step', p_step.name, 'sqlstate', p_sqlstate, 'message', p_message, 'attempt', v_attempt);
  insert into dreamlit._task_attempts (task_id, run_id, step_id, attempt, error, failed_at)
  select p_task_id, t.run_id, p_step.step_id, v_attempt, v_error, dreamlit._now() from dreamlit._tasks as t where t.task_id = p_task_id;
  if v_attempt < p_step.max_attempts then
    update dreamlit._tasks as t set error = v_error, due_at = dreamlit._retry_at(p_step.kind, v_attempt) where t.task_id = p_task_id;
  else
    perform dreamlit._settle(array[p_task_id], 'failed', array[v_error]);
  end if;
end;
$$;
comment on function dreamlit._fail_task(dreamlit._steps, bigint, text, text) is
  'Counts a failed attempt of a task: it is due again later, or failed for good after the step''s last attempt. After '
  'a full disk (53100), a deadlock (40P01) or a serialization failure (40001) it is only put off.';

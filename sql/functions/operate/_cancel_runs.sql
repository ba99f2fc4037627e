-- Lock order as everywhere: outbox rows, held messages, messages, tasks, runs by id. Tasks that a worker holds are left to it: it
-- meets the mark when it counts them off the run; a message that it posts meanwhile is stopped when a sender claims it.
create or replace function dreamlit._cancel_runs(p_run_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_messages constant bigint[] := array(
    select m.message_id from dreamlit._messages as m
    where m.run_id = any (p_run_ids) and m.state in ('queued', 'uncertain', 'held') order by m.message_id);
begin
  -- All of it before the first task ends: with that end the first runs would be locked.
  perform dreamlit._lock_outbox(v_messages);
  perform h.message_id from dreamlit._held_messages as h where h.message_id = any (v_messages) order by h.message_id for update;
  perform t.task_id from dreamlit._tasks as t
  where t.task_id = any (array(select m.task_id from dreamlit._messages as m where m.message_id = any (v_messages))) order by t.task_id for update;
  perform r.run_id from dreamlit._runs as r where r.run_id = any (p_run_ids) order by r.run_id for update;
  perform dreamlit._cancel_messages(v_messages);
  update dreamlit._runs as r set cancelling = true where r.run_id = any (p_run_ids);
  perform dreamlit._cancel_tasks(p_run_ids);
  perform dreamlit._audit('cancel run', r.workflow_id, r.run_id)
  from (
    select r.run_id, r.workflow_id from dreamlit._runs as r where r.run_id = any (p_run_ids)
    union all
    select h.run_id, h.workflow_id from dreamlit._run_history as h where h.run_id = any (p_run_ids) and h.state = 'cancelled'
  ) as r;
end;
$$;
comment on function dreamlit._cancel_runs(bigint[]) is 'Cancels open runs with their messages and logs who said so.';

-- Before the first task ends, for with that end the first runs are locked; and a worker that holds one of the tasks has committed
-- what it makes of it before we look.
create or replace function dreamlit._lock_person(p_address text, p_mentions text) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_runs constant bigint[] := dreamlit._person_runs(p_address);
  v_messages constant bigint[] := array(
    select m.message_id from dreamlit._messages as m
    where m.state in ('queued', 'held', 'uncertain')
      and (m.run_id = any (v_runs) or m.recipient ~* p_mentions or m.content::text ~* p_mentions
      or m.task_id in (select t.task_id from dreamlit._tasks as t where t.item::text ~* p_mentions))
    order by m.message_id);
  v_tasks constant bigint[] := array(
    select t.task_id from dreamlit._tasks as t
    where t.run_id = any (v_runs) or concat_ws(' ', t.item, t.error) ~* p_mentions
      or t.task_id in (select m.task_id from dreamlit._messages as m where m.message_id = any (v_messages))
    order by t.task_id);
begin
  perform dreamlit._lock_outbox(v_messages);
  perform h.message_id from dreamlit._held_messages as h where h.message_id = any (v_messages) order by h.message_id for update;
  perform t.task_id from dreamlit._tasks as t where t.task_id = any (v_tasks) order by t.task_id for update;
  perform r.run_id from dreamlit._runs as r
  where r.run_id = any (v_runs) or r.run_id in (select t.run_id from dreamlit._tasks as t where t.task_id = any (v_tasks))
  order by r.run_id for update;
  return v_runs;
end;
$$;
comment on function dreamlit._lock_person(text, text) is
  'Locks what is open and mentions an address, and returns the runs whose payload or key does, open and past.';

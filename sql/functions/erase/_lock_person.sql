-- Before the first task ends, for with that end the first runs are locked; and a worker that holds one of the tasks has committed
-- what it makes of it before we look. It may have posted a message meanwhile, whose outbox row comes before the tasks in the
-- lock order: then everything is given back and taken anew. With all its tasks locked, a run gets no further message.
create or replace function dreamlit._lock_person(p_address text, p_mentions text) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_runs bigint[];
  v_messages bigint[];
  v_tasks bigint[];
begin
  loop
    begin
      v_runs := dreamlit._person_runs(p_address);
      v_messages := dreamlit._person_messages(v_runs, p_mentions);
      v_tasks := array(
        select t.task_id from dreamlit._tasks as t
        where t.run_id = any (v_runs) or concat_ws(' ', t.item, t.error) ~* p_mentions
          or t.task_id in (select m.task_id from dreamlit._messages as m where m.message_id = any (v_messages))
        order by t.task_id);
      perform dreamlit._lock_outbox(v_messages);
      perform h.message_id from dreamlit._held_messages as h where h.message_id = any (v_messages) order by h.message_id for update;
      perform t.task_id from dreamlit._tasks as t where t.task_id = any (v_tasks) order by t.task_id for update;
      perform r.run_id from dreamlit._runs as r
      where r.run_id = any (v_runs) or r.run_id in (select t.run_id from dreamlit._tasks as t where t.task_id = any (v_tasks))
      order by r.run_id for update;
      exit when dreamlit._person_messages(v_runs, p_mentions) <@ v_messages;
      raise exception using errcode = 'DL000';
    exception when sqlstate 'DL000' then
      null;  -- a further message was posted: the end of this block has given back the locks
    end;
  end loop;
  return v_runs;
end;
$$;
comment on function dreamlit._lock_person(text, text) is
  'Locks what is open and mentions an address, and returns the runs whose payload or key does, open and past.';

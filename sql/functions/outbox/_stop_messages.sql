-- Lock order: the caller holds the outbox rows; messages, tasks, runs.
create or replace function dreamlit._stop_messages(p_cancelled bigint[], p_suppressed bigint[], p_reasons text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_tasks bigint[];
begin
  if coalesce(p_cancelled, p_suppressed) is null then
    return;
  end if;
  select array_agg(t.task_id) into v_tasks
  from (
    select t.task_id from dreamlit._tasks as t
    where t.task_id = any (array(select m.task_id from dreamlit._messages as m where m.message_id = any (p_cancelled || p_suppressed)))
    order by t.task_id for update) as t;
  perform dreamlit._lock_runs(v_tasks);
  perform dreamlit._cancel_messages(p_cancelled);
  perform dreamlit._suppress_messages(p_suppressed, p_reasons);
end;
$$;
comment on function dreamlit._stop_messages(bigint[], bigint[], text[]) is
  'Cancels and suppresses messages that a claim has leased and that must not be delivered.';

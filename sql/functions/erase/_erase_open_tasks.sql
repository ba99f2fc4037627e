-- A fan-out's other items go on: only the tasks and messages of this person end, as skipped.
create or replace function dreamlit._erase_open_tasks(p_mentions text) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_tasks bigint[];
begin
  perform dreamlit._cancel_messages(array(
    select m.message_id from dreamlit._messages as m
    where m.state in ('queued', 'held', 'uncertain') and (m.recipient ~* p_mentions or m.content::text ~* p_mentions
      or m.task_id in (select t.task_id from dreamlit._tasks as t where t.item::text ~* p_mentions)) order by m.message_id), 'skipped');
  select array_agg(t.task_id) into v_tasks
  from (
    select t.task_id from dreamlit._tasks as t
    where t.item::text ~* p_mentions and (t.state <> 'sending' or t.open_messages <= 0) order by t.task_id for update
  ) as t;
  perform dreamlit._settle(v_tasks, 'skipped');
  update dreamlit._tasks as t set error = dreamlit._erased_error(t.error, p_mentions) where t.error::text ~* p_mentions;
  return coalesce(cardinality(v_tasks), 0);
end;
$$;
comment on function dreamlit._erase_open_tasks(text) is
  'Cancels the messages that mention an address, or whose tasks'' items do, save those whose delivery has begun; ends the tasks whose '
  'items do, and returns how many of these.';

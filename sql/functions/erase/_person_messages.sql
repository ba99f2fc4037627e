create or replace function dreamlit._person_messages(p_runs bigint[], p_mentions text) returns bigint[]
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select array(
    select m.message_id from dreamlit._messages as m
    where m.state in ('queued', 'held', 'uncertain')
      and (m.run_id = any (p_runs) or m.recipient ~* p_mentions or m.content::text ~* p_mentions
      or m.task_id in (select t.task_id from dreamlit._tasks as t where t.item::text ~* p_mentions))
    order by m.message_id);
$$;
comment on function dreamlit._person_messages(bigint[], text) is
  'Returns the ids of the open messages of runs, or that mention an address; volatile, so that each call sees what has been committed.';

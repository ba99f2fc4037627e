-- Messages that still have to be sent keep their content: what is empty must not be delivered. A failed task is marked as erased,
-- for it must not be retried with nothing in it.
create or replace function dreamlit._erase_history(p_runs bigint[], p_mentions text) returns table (what text, erased bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return query
  with open_runs as (
    update dreamlit._runs as r set payload = '{"trigger": {}, "erased": true}', key = null, last_error = dreamlit._erased_error(r.last_error, p_mentions)
    where r.run_id = any (p_runs) returning r.run_id
  ), past_runs as (
    update dreamlit._run_history as h set payload = '{"trigger": {}, "erased": true}', key = null, last_error = dreamlit._erased_error(h.last_error, p_mentions)
    where h.run_id = any (p_runs) returning h.run_id
  ), others as (
    update dreamlit._runs as r set last_error = dreamlit._erased_error(r.last_error, p_mentions)
    where r.run_id <> all (p_runs) and r.last_error::text ~* p_mentions
  ), past_others as (
    update dreamlit._run_history as h set last_error = dreamlit._erased_error(h.last_error, p_mentions)
    where h.run_id <> all (p_runs) and h.last_error::text ~* p_mentions
  )
  select 'runs', (select count(*) from open_runs) + (select count(*) from past_runs);

  return query
  with tasks as (
    update dreamlit._task_history as h set item = case when e.content and h.state = 'failed' then '{"erased": true}' else h.item end, error = dreamlit._erased_error(h.error, p_mentions)
    from (
      select f.task_id, f.finished_at, coalesce(f.run_id = any (p_runs) or f.item::text ~* p_mentions or exists (
        select from dreamlit._messages as m
        where m.run_id = f.run_id and m.task_id = f.task_id and m.state = 'failed' and (m.recipient ~* p_mentions or m.content::text ~* p_mentions)), false) as content
      from dreamlit._task_history as f
      where f.state = 'failed' or f.error::text ~* p_mentions
    ) as e
    where h.task_id = e.task_id and h.finished_at = e.finished_at and (e.content and h.state = 'failed' or h.error::text ~* p_mentions) returning h.task_id
  ), attempts as (
    update dreamlit._task_attempts as a set error = dreamlit._erased_error(a.error, p_mentions) where a.error::text ~* p_mentions returning a.task_id
  ), failures as (
    update dreamlit._failures as f set error = dreamlit._erased_error(f.error, p_mentions) where f.error::text ~* p_mentions
  ), alerts as (
    update dreamlit._alerts as a set detail = a.detail || '{"error": {"message": "erased"}, "message": "erased"}' where a.detail::text ~* p_mentions
  ), channels as (
    update dreamlit._channels as c set reason = dreamlit._erased_error(c.reason, p_mentions) where c.reason::text ~* p_mentions
  ), workers as (
    update dreamlit._workers as w set last_error = dreamlit._erased_error(w.last_error, p_mentions) where w.last_error::text ~* p_mentions
  )
  select 'tasks', (select count(*) from tasks) + (select count(*) from attempts);

  return query
  with messages as (
    update dreamlit._messages as m set content = '{"erased": true}', error = dreamlit._erased_error(m.error, p_mentions),
      recipient = case when m.recipient ~* p_mentions then null else m.recipient end
    where m.state not in ('queued', 'held', 'uncertain') and m.content <> '{"erased": true}'
      -- Those of a run that was erased while they were being delivered, too.
      and (m.run_id = any (p_runs) or m.recipient ~* p_mentions or m.content::text ~* p_mentions or m.run_id in (
        select r.run_id from dreamlit._runs as r where r.payload ? 'erased'
        union all select h.run_id from dreamlit._run_history as h where h.payload ? 'erased'))
    returning m.message_id
  ), errors as (
    update dreamlit._messages as m set error = dreamlit._erased_error(m.error, p_mentions)
    where m.error::text ~* p_mentions and (m.state in ('queued', 'held', 'uncertain') or m.message_id not in (select o.message_id from messages as o))
  ), attempts as (
    update dreamlit._attempts as a set error = 'erased', code = case when a.code ~* p_mentions then null else a.code end
    where concat_ws(' ', a.code, a.error) ~* p_mentions returning a.message_id
  )
  select 'messages', (select count(*) from messages);

  return query
  with ignored as (
    update dreamlit._ignored_events as i set payload = '{"erased": true}', key = null where i.payload::text ~* p_mentions or i.key ~* p_mentions returning i.event_id
  ), strange as (
    update pgmq.a_dreamlit_events as q set message = '{"erased": true}' where q.message::text ~* p_mentions returning q.msg_id
  )
  select 'events', (select count(*) from ignored) + (select count(*) from strange);
end;
$$;
comment on function dreamlit._erase_history(bigint[], text) is
  'Empties the payloads, items, contents and errors of runs and of whatever else mentions an address; returns how many of each.';

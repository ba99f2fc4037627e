-- Messages that still have to be sent keep their content: what is empty must not be delivered.
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
  )
  select 'runs', (select count(*) from open_runs) + (select count(*) from past_runs);

  return query
  with tasks as (
    update dreamlit._task_history as h set item = null, error = dreamlit._erased_error(h.error, p_mentions)
    where (h.item is not null and (h.run_id = any (p_runs) or h.item::text ~* p_mentions)) or h.error::text ~* p_mentions returning h.task_id
  ), attempts as (
    update dreamlit._task_attempts as a set error = dreamlit._erased_error(a.error, p_mentions) where a.error::text ~* p_mentions returning a.task_id
  ), failures as (
    update dreamlit._failures as f set error = dreamlit._erased_error(f.error, p_mentions) where f.error::text ~* p_mentions
  ), alerts as (
    update dreamlit._alerts as a set detail = jsonb_set(a.detail, '{error}', '{"message": "erased"}') where a.detail::text ~* p_mentions
  ), workers as (
    update dreamlit._workers as w set last_error = dreamlit._erased_error(w.last_error, p_mentions) where w.last_error::text ~* p_mentions
  )
  select 'tasks', (select count(*) from tasks) + (select count(*) from attempts);

  return query
  with messages as (
    update dreamlit._messages as m set content = '{"erased": true}', error = dreamlit._erased_error(m.error, p_mentions),
      recipient = case when m.recipient ~* p_mentions then null else m.recipient end
    where m.state not in ('queued', 'held', 'uncertain') and (m.run_id = any (p_runs) or m.recipient ~* p_mentions or m.content::text ~* p_mentions or m.error::text ~* p_mentions)
    returning m.message_id
  ), attempts as (
    update dreamlit._attempts as a set error = 'erased' where a.error ~* p_mentions returning a.message_id
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

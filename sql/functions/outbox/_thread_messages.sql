-- A reply finds the message it belongs to when it is posted: the step above has ended by then, so its message is sent. Below a
-- fan-out each item has a message of its own: item_key, the hash of what the queries above the first step gave, tells them apart.
create or replace function dreamlit._thread_messages(p_step dreamlit._steps, p_task_ids bigint[], p_rendered jsonb) returns jsonb
language sql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  with recursive first as (
    -- The step replied to; the step itself where others reply to it.
    select s.* from dreamlit._steps as s
    where s.version_id = p_step.version_id and s.name = coalesce(p_step.settings #>> '{templates,thread}', p_step.name)
  ), above as (
    select f.parent_step_id as step_id from first as f
    union all
    select s.parent_step_id from above as a join dreamlit._steps as s on s.step_id = a.step_id
  ), queries as (
    select coalesce(array_agg(s.name), '{}') as names from above as a join dreamlit._steps as s on s.step_id = a.step_id where s.kind = 'query'
  ), posting as (
    select u.n, r.value, t.run_id, (
      select md5(jsonb_object_agg(i.key, i.value)::text) from jsonb_each(t.item) as i(key, value) where i.key = any (q.names)) as item_key
    from unnest(p_task_ids) with ordinality as u(task_id, n)
    join jsonb_array_elements(p_rendered) with ordinality as r(value, n) on r.n = u.n
    cross join lateral (select t.run_id, t.item from dreamlit._tasks as t where t.task_id = u.task_id limit 1) as t
    cross join queries as q
  )
  select jsonb_agg(case
      when not p.value ? 'content' then p.value
      when not p_step.settings -> 'templates' ? 'thread' then
        jsonb_set(p.value, '{content}', (p.value -> 'content') || jsonb_strip_nulls(jsonb_build_object('item_key', p.item_key)))
      when m.message_id is null then jsonb_build_object('error', jsonb_build_object(
        'code', 'thread', 'message', format('the step %s posted no message in this run that could be replied to', p_step.settings #>> '{templates,thread}')))
      else jsonb_set(p.value, '{content}', (p.value -> 'content')
        || jsonb_strip_nulls(jsonb_build_object('channel', m.content -> 'channel', 'to', m.content -> 'to', 'item_key', p.item_key,
          'broadcast', nullif(p_step.settings #> '{templates,broadcast}', 'false')))
        || jsonb_build_object('thread_ts', coalesce(m.content ->> 'thread_ts', m.provider_id))) end order by p.n)
  from posting as p
  left join lateral (
    select m.* from dreamlit._messages as m
    join dreamlit._runs as n on n.run_id = m.run_id and m.created_at >= n.started_at
    join dreamlit._steps as s on s.step_id = m.step_id
    where m.run_id = p.run_id and s.name = p_step.settings #>> '{templates,thread}' and m.state = 'sent'
      and m.content ->> 'item_key' is not distinct from p.item_key
    order by m.created_at desc, m.message_id desc limit 1) as m on p_step.settings -> 'templates' ? 'thread';
$$;
comment on function dreamlit._thread_messages(dreamlit._steps, bigint[], jsonb) is
  'Returns rendered Slack contents with where they reply to (thread_ts, null where Slack told none), or with an error where nothing '
  'was posted; contents that others reply to get their item_key.';

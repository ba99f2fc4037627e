create or replace view dreamlit.health as
with paused as (
  select w.workflow_id, w.state = 'paused' as paused from dreamlit._workflows as w where w.state = 'paused' or w.sandbox
), queues as (
  -- The age of what could be taken now: a retry that is due later, or what a paused workflow keeps back, is not late. Nobody needs
  -- the number of a long queue to the last, and the worker asks for all this every ten seconds: 100,000 stand for more.
  select 'events' as name, (select count(*) from (select from pgmq.q_dreamlit_events limit 100000) as q) as depth,
    (select min(q.enqueued_at) from pgmq.q_dreamlit_events as q where q.msg_id < (select min(f.msg_id) + 1000 from pgmq.q_dreamlit_events as f)) as oldest
  union all
  select 'render', (select count(*) from (select from pgmq.q_dreamlit_render limit 100000) as q), (
    select min(q.vt) from pgmq.q_dreamlit_render as q
    where q.vt <= dreamlit._now() and not exists (select from paused as p where p.workflow_id = (q.message -> 'workflow_id')::bigint and p.paused))
  union all
  select o.channel || ' ' || o.lane, d.depth, f.ready_at
  from (values ('email', 'alert'), ('email', 'urgent'), ('email', 'bulk'), ('slack', 'alert'), ('slack', 'urgent'), ('slack', 'bulk')) as o(channel, lane)
  cross join lateral (
    select count(*) as depth from (select from dreamlit._outbox as x where x.channel = o.channel and x.lane = o.lane limit 100000) as x) as d
  left join lateral (
    select x.ready_at from dreamlit._outbox as x
    where x.channel = o.channel and x.lane = o.lane and x.ready_at <= dreamlit._now() and not coalesce(x.headers ? 'started_at', false)
      and not exists (select from paused as p where p.workflow_id = (x.message -> 'workflow_id')::bigint and (p.paused or not x.message ? 'released'))
    order by x.ready_at limit 1) as f on true
), workers as (
  select max(w.last_tick_at) as last_tick_at, max(w.last_error_at) as last_error_at,
    count(*) filter (where w.last_tick_at > clock_timestamp() - interval '30 seconds') as alive,
    -- One that has worked for longer than somebody's call by hand.
    max(w.last_tick_at) filter (where w.worker like 'work:%' and w.last_tick_at > w.started_at + interval '30 seconds') as last_cron_at,
    (array_agg(w.last_error ->> 'message' order by w.last_error_at desc) filter (where w.last_error_at > clock_timestamp() - interval '10 minutes'))[1] as last_error
  from dreamlit._workers as w
), checks as (
  select 'queue ' || q.name as name, q.depth as number, extract(epoch from dreamlit._now() - q.oldest)::numeric(12, 1) as seconds,
    case when q.oldest < dreamlit._now() - interval '5 minutes' then 'warning' else 'ok' end as state,
    format(case when q.depth < 100000 then '%s waiting' else '%s or more waiting' end, q.depth) as detail
  from queues as q
  union all
  select 'worker', w.alive, extract(epoch from clock_timestamp() - w.last_tick_at)::numeric(12, 1),
    case when coalesce(w.last_tick_at, '-infinity') < clock_timestamp() - interval '2 minutes' then 'critical'
      when w.last_error is not null or w.last_cron_at < clock_timestamp() - interval '2 minutes' then 'warning' else 'ok' end,
    case when w.last_tick_at is null then 'no worker has ever run: is pg_cron scheduled, or a sender running?'
      when w.last_cron_at < clock_timestamp() - interval '2 minutes' and w.last_tick_at > clock_timestamp() - interval '2 minutes'
        then format('pg_cron''s worker has been silent since %s; the senders tick', w.last_cron_at::timestamptz(0))
      when w.last_error is not null then w.last_error
      else 'last tick' end
  from workers as w
  union all
  select 'sender', count(*) filter (where s.last_seen_at > dreamlit._now() - interval '30 seconds'), extract(epoch from dreamlit._now() - max(s.last_seen_at))::numeric(12, 1),
    case when coalesce(max(s.last_seen_at), '-infinity') < dreamlit._now() - interval '2 minutes' then 'critical' else 'ok' end,
    coalesce(string_agg(s.sender, ', ' order by s.sender) filter (where s.last_seen_at > dreamlit._now() - interval '30 seconds'), 'no sender seen lately: start one with dreamlit sender')
  from dreamlit._senders as s
  where s.channels <> '{}'
  union all
  select 'overdue tasks', least(coalesce(sum(l.tasks), 0), 100000)::bigint, extract(epoch from dreamlit._now() - min(f.due_at))::numeric(12, 1),
    case when min(f.due_at) < dreamlit._now() - interval '5 minutes' then 'warning' else 'ok' end, 'due for more than 10 seconds, paused workflows left out'
  from dreamlit._workflows as w join dreamlit._versions as v on v.workflow_id = w.workflow_id join dreamlit._steps as s on s.version_id = v.version_id
  cross join lateral (select min(t.due_at) as due_at from dreamlit._tasks as t where t.step_id = s.step_id and t.due_at < dreamlit._now() - interval '10 seconds') as f
  cross join lateral (
    select count(*) as tasks from (
      select from dreamlit._tasks as t where t.step_id = s.step_id and t.due_at < dreamlit._now() - interval '10 seconds' limit 100000) as t) as l
  where w.state <> 'paused'
  union all
  select 'uncertain messages', count(*), extract(epoch from dreamlit._now() - min(u.held_at))::numeric(12, 1), case when count(*) > 0 then 'warning' else 'ok' end,
    'held for a person: dreamlit.release(message_id) or dreamlit.discard(message_id)'
  from dreamlit._held_messages as u where u.reason = 'uncertain'
  union all
  select 'held messages', count(*), extract(epoch from dreamlit._now() - min(u.held_at))::numeric(12, 1), 'ok',
    'of workflows in the sandbox: dreamlit.release_messages(workflow) or dreamlit.discard_messages(workflow)'
  from dreamlit._held_messages as u where u.reason = 'sandbox'
  union all
  select 'channel ' || c.channel, c.failures, extract(epoch from c.blocked_until - dreamlit._now())::numeric(12, 1),
    case when c.failures > 0 then 'critical' else 'warning' end, format('stopped: %s', coalesce(c.reason ->> 'message', c.reason ->> 'code'))
  from dreamlit._channels as c
  where c.blocked_until > dreamlit._now() or c.failures > 0
  union all
  select 'dead rows in ' || s.relname, s.n_dead_tup, extract(epoch from clock_timestamp() - s.last_autovacuum)::numeric(12, 1),
    case when s.n_dead_tup > 100000 and s.n_dead_tup > 5 * s.n_live_tup then 'warning' else 'ok' end, 'seconds since the last autovacuum'
  from pg_stat_user_tables as s
  where (s.schemaname = 'dreamlit' and s.relname in ('_tasks', '_runs')) or (s.schemaname = 'pgmq' and s.relname like 'q\_dreamlit\_%')
  union all
  select 'oldest snapshot', count(*), max(extract(epoch from clock_timestamp() - a.xact_start))::numeric(12, 1),
    case when min(a.xact_start) < clock_timestamp() - interval '10 minutes' then 'warning' else 'ok' end,
    coalesce((array_agg(format('pid %s, %s, %s', a.pid, a.usename, a.state) order by a.xact_start))[1], 'none') || ': dead rows newer than it cannot be removed'
  from pg_stat_activity as a
  where a.backend_xmin is not null and a.datname = current_database() and a.pid <> pg_backend_pid() and a.xact_start < clock_timestamp() - interval '1 second'
)
select c.name, c.state, c.number, c.seconds, c.detail from checks as c;
comment on view dreamlit.health is
  'One row a check: queues, worker, senders, overdue tasks, held messages, stopped channels, dead rows, old snapshots.';
comment on column dreamlit.health.name is 'What is checked.';
comment on column dreamlit.health.state is 'ok, warning or critical.';
comment on column dreamlit.health.number is 'How many: messages waiting, workers or senders alive, tasks overdue, dead rows.';
comment on column dreamlit.health.seconds is
  'The age of the oldest or the time since the last, in seconds; of a stopped channel, until it is tried again.';
comment on column dreamlit.health.detail is 'In words, with what to do where something is wrong.';

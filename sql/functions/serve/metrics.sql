-- Asked every few seconds: what has ended is counted for the last hour only, over the BRIN indexes of today's partitions.
create or replace function dreamlit.metrics() returns table (name text, labels jsonb, value double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off as $$
  with health as materialized (select h.* from dreamlit.health as h)
  select 'queue_depth', jsonb_build_object('queue', substr(h.name, 7)), h.number::double precision from health as h where h.name like 'queue %'
  union all
  select 'queue_oldest_seconds', jsonb_build_object('queue', substr(h.name, 7)), coalesce(h.seconds, 0) from health as h where h.name like 'queue %'
  union all
  select 'check_state', jsonb_build_object('check', h.name), case h.state when 'ok' then 0 when 'warning' then 1 else 2 end from health as h
  union all
  select h.name || 's_alive', '{}', h.number from health as h where h.name in ('sender', 'worker')
  union all
  select 'last_work_seconds', '{}', h.seconds from health as h where h.name = 'worker' and h.seconds is not null
  union all
  select 'tasks_overdue', '{}', h.number from health as h where h.name = 'overdue tasks'
  union all
  select 'messages_held', jsonb_build_object('reason', u.reason), count(*) from dreamlit._held_messages as u group by u.reason
  union all
  select 'runs_open', '{}', count(*) from dreamlit._runs as r
  union all
  select 'runs_finished_last_hour', jsonb_build_object('state', r.state), count(*)
  from dreamlit._run_history as r where r.finished_at > dreamlit._now() - interval '1 hour' group by r.state
  union all
  select 'messages_last_hour', jsonb_build_object('channel', m.channel, 'state', m.state), count(*)
  from dreamlit._messages as m where m.created_at > dreamlit._now() - interval '1 hour' group by m.channel, m.state
  union all
  select 'alerts_open', '{}', count(*) from dreamlit._alerts as a where a.closed_at is null;
$$;
comment on function dreamlit.metrics() is
  'Returns numbers for monitoring, one row a sample: of now, or where the name says so of the last hour; check_state is 0 for ok, 1 for '
  'warning, 2 for critical.';
grant execute on function dreamlit.metrics() to dreamlit_admin, dreamlit_sender, dreamlit_reader;

-- Takes events off the queue and starts their runs, in one statement: the event is gone from the queue exactly when its run is
-- there. With p_at_once, first steps that only render are run in the same transaction: their tasks are never due, so nobody has to
-- find, lock and mark them.
create or replace function dreamlit._launch_runs(p_limit integer default 2000, p_msg_id bigint default null, p_at_once boolean default false) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_chosen constant bigint[] := case when p_msg_id is null then dreamlit._choose_events(p_limit) else array[p_msg_id] end;
  v_at_once boolean;
  v_count integer;
  v_task_ids bigint[];
  v_step_ids bigint[];
  v_items jsonb[];
begin
  if v_chosen is null then
    return 0;
  end if;
  v_at_once := p_at_once and dreamlit._renderer() = 'database';
  with taken as (
    delete from pgmq.q_dreamlit_events as q where q.msg_id = any (v_chosen)
    returning q.*
  ), opened_up as materialized (
    -- Once a message: each look into a message of many events unpacks the whole of it.
    select t.msg_id, t.enqueued_at, t.message ->> 'operation' as operation, t.message -> 'version' as version, t.message -> 'events' as events
    from taken as t
  ), checked as materialized (
    select o.*, v.workflow_id, v.version_id
    from opened_up as o
    left join dreamlit._versions as v on to_jsonb(v.version_id) = o.version
      and o.operation in ('insert', 'update', 'delete', 'call')
      and not exists (
        select from jsonb_array_elements(case when jsonb_typeof(o.events) = 'array' then o.events else '[null]' end) as e(value)
        where jsonb_typeof(e.value -> 'trigger') is distinct from 'object')
  ), strange as (  -- not put there by a trigger of ours: kept aside in the queue's archive
    insert into pgmq.a_dreamlit_events (msg_id, read_ct, enqueued_at, vt, message, headers)
    select t.msg_id, t.read_ct, t.enqueued_at, t.vt, t.message, t.headers
    from taken as t join checked as c on c.msg_id = t.msg_id
    where c.version_id is null
    returning msg_id
  ), events as materialized (
    select
      nextval('dreamlit._event_id_seq') as event_id, nextval('dreamlit._runs_run_id_seq') as run_id,
      t.workflow_id, t.version_id, t.operation,
      case when e.value ? 'key' then dreamlit._run_key(e.value ->> 'key') end as key,
      case when e.value ?| array['key', 'error'] then e.value - array['key', 'error'] else e.value end as payload, e.value -> 'error' as error, t.enqueued_at as occurred_at
    from checked as t
    cross join lateral jsonb_array_elements(t.events) with ordinality as e(value, n)
    where t.version_id is not null
    order by t.msg_id, e.n
  ), first_steps as (
    select root.version_id, failed.failed, s.step_id, dreamlit._due_at(s, v_now) as due_at,
      v_at_once and s.kind in ('email', 'slack') and s.if_function is null and v.compiled and w.state <> 'paused'
        and b.events <= 1.2 * p_limit  -- the last message may bring more than asked for
        -- Who came before goes first: those that waited while the workflow was paused, say.
        and not exists (select from dreamlit._tasks as t where t.step_id = s.step_id and t.due_at <= v_now) as at_once,
      count(*) over (partition by root.version_id, failed.failed)::integer as tasks
    from (select e.version_id, count(*) as events from events as e group by e.version_id) as b
    join dreamlit._versions as v on v.version_id = b.version_id
    join dreamlit._workflows as w on w.workflow_id = v.workflow_id
    join dreamlit._steps as root on root.version_id = b.version_id and root.position = 0
    cross join (values (true), (false)) as failed(failed)
    join dreamlit._steps as s on s.version_id = b.version_id
      and case when failed.failed then s.step_id = root.step_id else s.parent_step_id = root.step_id end
  ), starting as (
    select e.*, f.tasks
    from events as e
    cross join lateral (
      select f.tasks from first_steps as f where f.version_id = e.version_id and f.failed = (e.error is not null) limit 1) as f
  ), keyed as (
    insert into dreamlit._runs (run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at, open_tasks, last_error)
    overriding system value
    select s.run_id, s.event_id, s.workflow_id, s.version_id, s.key, s.operation, s.payload, s.occurred_at, v_now, s.tasks, s.error
    from starting as s where s.key is not null
    -- Keys in one order: an insert waits for another transaction's of the same key, and two launches must not wait in a circle.
    order by s.workflow_id, s.key collate "C", s.event_id
    on conflict (workflow_id, key) where key is not null do nothing
    returning run_id, event_id, version_id, last_error is not null as failed
  ), keyless as (  -- apart, for an insert that looks for conflicts writes each row twice
    insert into dreamlit._runs (run_id, event_id, workflow_id, version_id, operation, payload, occurred_at, started_at, open_tasks, last_error)
    overriding system value
    select s.run_id, s.event_id, s.workflow_id, s.version_id, s.operation, s.payload, s.occurred_at, v_now, s.tasks, s.error
    from starting as s where s.key is null
    returning run_id, event_id, version_id, last_error is not null as failed
  ), created as (
    select * from keyed union all select * from keyless
  ), opened as (
    insert into dreamlit._tasks (run_id, step_id, state, due_at, started_at)
    select c.run_id, f.step_id, case when f.due_at > v_now then 'waiting' else 'due' end, case when not f.at_once then f.due_at end, v_now
    from created as c join first_steps as f on f.version_id = c.version_id and f.failed = c.failed
    returning task_id, run_id, step_id, due_at
  ), at_once as (
    select o.task_id, o.step_id, e.payload from opened as o join events as e on e.run_id = o.run_id where o.due_at is null
  ), ignored as (
    insert into dreamlit._ignored_events (event_id, workflow_id, version_id, operation, payload, key, occurred_at, reason, ignored_at)
    select e.event_id, e.workflow_id, e.version_id, e.operation, e.payload, e.key, e.occurred_at, 'a run with this key was open', v_now
    from events as e
    where e.key is not null and not exists (select from keyed as k where k.event_id = e.event_id)
  )
  select (select count(*) from events) + (select count(*) from strange), a.*
  into v_count, v_task_ids, v_step_ids, v_items
  from (select array_agg(a.task_id), array_agg(a.step_id), array_agg(a.payload) from at_once as a) as a;
  perform dreamlit._run_first_steps(v_task_ids, v_step_ids, v_items);
  return v_count;
end;
$$;
comment on function dreamlit._launch_runs(integer, bigint, boolean) is
  'Starts the runs of about p_limit waiting events, twice as many where some overtake, or of the one queue message p_msg_id, and returns how many events it took. '
  'An event whose key has an open run is logged as ignored. p_at_once also runs first steps that are messages without a condition, '
  'where the database renders, the workflow is not paused and no earlier task of the step is due.';

create or replace function dreamlit.run_log(run_id bigint)
returns table (
  at timestamptz, what text, state text, step text, task_id bigint, message_id bigint, recipient text, attempt integer, seconds numeric, detail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from dreamlit._runs as r where r.run_id = $1) then
    perform dreamlit._finished_state($1);
  end if;
  return query
    select l.* from (
      select a.at, a.what, a.state, a.step, a.task_id, a.message_id, a.recipient, a.attempt, a.seconds, a.detail
      from dreamlit.activity as a where a.run_id = $1
      union all
      select r.occurred_at, 'event', 'captured', null, null, null, null, null, extract(epoch from r.started_at - r.occurred_at)::numeric(12, 3), r.operation
      from (
        select o.run_id, o.occurred_at, o.started_at, o.operation from dreamlit._runs as o
        union all select h.run_id, h.occurred_at, h.started_at, h.operation from dreamlit._run_history as h
      ) as r where r.run_id = $1
      union all
      select t.started_at, s.kind, t.state, s.name, t.task_id, null, null, t.attempt, null,
        coalesce(t.error ->> 'message', case when t.due_at > dreamlit._now() then format('until %s', t.due_at) end)
      from dreamlit._tasks as t join dreamlit._steps as s on s.step_id = t.step_id where t.run_id = $1
      union all
      select coalesce(m.settled_at, m.created_at), 'message', m.state, s.name, m.task_id, m.message_id, m.recipient, null, null, m.error ->> 'message'
      from dreamlit._messages as m left join dreamlit._steps as s on s.step_id = m.step_id
      where m.run_id = $1 and m.state <> 'sent'
    ) as l
    order by l.at, array_position(array['event', 'run'], l.what), l.task_id, l.message_id, l.state = 'made' desc;
end;
$$;
comment on function dreamlit.run_log(bigint) is
  'Returns what happened in a run, in the order of time: its event, every task and attempt, every message with its state of now and '
  'its deliveries, what people did, and the tasks that are open (at is when these began). seconds as in dreamlit.activity; of the '
  'event, how long it waited. Raises DL002 if there is no such run.';
grant execute on function dreamlit.run_log(bigint) to dreamlit_admin, dreamlit_reader;

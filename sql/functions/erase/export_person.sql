create or replace function dreamlit.export_person(address text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_address constant text := dreamlit._check_address($1);
  v_mentions constant text := dreamlit._mentions($1);
  v_runs constant bigint[] := dreamlit._person_runs($1);
begin
  return jsonb_build_object(
    'address', v_address,
    'runs', (select coalesce(jsonb_agg(jsonb_build_object('run_id', r.run_id, 'workflow', r.workflow, 'state', r.state, 'started_by', r.started_by,
        'occurred_at', r.occurred_at, 'finished_at', r.finished_at, 'payload', r.payload) order by r.run_id), '[]')
      from dreamlit.runs as r where r.run_id = any (v_runs)),
    'tasks', (select coalesce(jsonb_agg(jsonb_build_object('task_id', t.task_id, 'run_id', t.run_id, 'step', t.step, 'state', t.state, 'item', t.item) order by t.task_id), '[]')
      from dreamlit.tasks as t where t.item is not null and t.item::text ~* v_mentions),
    'messages', (select coalesce(jsonb_agg(to_jsonb(m) - 'attempts' || jsonb_build_object('attempts', (
        select coalesce(jsonb_agg(to_jsonb(a) - 'message_id' order by a.attempt), '[]') from dreamlit.attempts as a where a.message_id = m.message_id)) order by m.message_id), '[]')
      from dreamlit.messages as m where m.recipient ~* v_mentions or m.content::text ~* v_mentions),
    'events', (select coalesce(jsonb_agg(jsonb_build_object('workflow', e.workflow, 'operation', e.operation, 'occurred_at', e.occurred_at,
        'payload', e.payload, 'ignored_because', e.ignored_because)), '[]')
      from dreamlit.event_log as e where e.run_id is null and e.payload::text ~* v_mentions),
    'engagement', (select coalesce(jsonb_agg(to_jsonb(e) order by e.recorded_at), '[]')
      from dreamlit.engagement as e where concat_ws(' ', e.recipient, e.url, e.raw) ~* v_mentions),
    'preferences', (select coalesce(jsonb_agg(jsonb_build_object('topic', p.topic, 'channel', p.channel, 'subscribed', p.subscribed,
        'changed_at', p.changed_at, 'via', p.via) order by p.topic, p.channel), '[]')
      from dreamlit._preferences as p where p.address_hash = dreamlit._address_hash($1)),
    'suppression', (select jsonb_build_object('reason', s.reason, 'suppressed_at', s.suppressed_at)
      from dreamlit._suppressions as s where s.address_hash = dreamlit._address_hash($1)));
end;
$$;
comment on function dreamlit.export_person(text) is
  'Returns everything that the engine keeps about an address, as JSON: runs and waiting or ignored events whose payload mentions it, '
  'tasks, messages with their content and attempts, what happened to them, what the person chose, and whether it is suppressed. Reads the whole history. Raises DL001 for '
  'something that is no address.';
grant execute on function dreamlit.export_person(text) to dreamlit_admin;

create or replace function dreamlit._examine_installation() returns table (name text, state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_missing text;
  v_renderer text := dreamlit._renderer();
begin
  return query select 'release', 'ok', dreamlit.version(), null::text;

  -- The columns that our static statements use.
  select string_agg(format('%s.%s', q.queue, c.column_name), ', ') into v_missing
  from dreamlit._queues() as q
  cross join unnest(array['msg_id', 'read_ct', 'enqueued_at', 'last_read_at', 'vt', 'message', 'headers']) as c(column_name)
  where not exists (
    select from pg_attribute as a
    where a.attrelid = to_regclass(format('pgmq.%I', 'q_' || q.queue)) and a.attname = c.column_name and not a.attisdropped);
  return query select 'queues', case when v_missing is null then 'ok' else 'critical' end,
    coalesce('missing: ' || v_missing, 'eight queues with pgmq''s columns'), 'run dreamlit install again; it makes missing queues';

  select string_agg(r.role, ', ') into v_missing
  from unnest(array['dreamlit_owner', 'dreamlit_admin', 'dreamlit_sender', 'dreamlit_reader']) as r(role)
  where to_regrole(r.role) is null;
  return query select 'roles', case when v_missing is null then 'ok' else 'critical' end, coalesce('missing: ' || v_missing, 'all four'),
    'run dreamlit install again';
  return query select 'owner', case when r.rolsuper or r.rolcanlogin then 'warning' else 'ok' end,
      case when r.rolsuper then 'dreamlit_owner is a superuser' when r.rolcanlogin then 'dreamlit_owner can log in' else 'no superuser, no login' end,
      'alter role dreamlit_owner nosuperuser nologin'
    from pg_roles as r where r.rolname = 'dreamlit_owner';

  begin
    if v_renderer = 'database' and dreamlit._render('slack', '{"text": "{{ trigger.n }}"}', '{}', '[{"trigger": {"n": 1}}]') #>> '{0,content,text}' <> '1' then
      raise exception 'the probe came back wrong';
    end if;
    return query select 'renderer', 'ok', format('the %s renders', v_renderer), null::text;
  exception when others then
    return query select 'renderer', 'critical', format('the database cannot render: %s', sqlerrm),
      'give the server''s Python Jinja2 3.1.6 or later, or: select dreamlit.set_setting(''renderer'', ''"sender"'')';
  end;

  return query select 'partitions', case when p.days < 2 then 'critical' else 'ok' end, format('%s days ahead', p.days), 'select dreamlit._ensure_partitions()'
    from (
      select count(*) as days from generate_series(1, 7) as d(day)
      where to_regclass(format('dreamlit.%I', '_messages_' || to_char((dreamlit._now() at time zone 'UTC')::date + d.day, 'YYYYMMDD'))) is not null
    ) as p;
  return query select 'autovacuum', case when current_setting('autovacuum') = 'on' then 'ok' else 'warning' end, 'autovacuum is ' || current_setting('autovacuum'),
    'set autovacuum = on: the queues live by it';
  return query select 'prepared transactions', case when count(*) > 0 then 'warning' else 'ok' end, count(*) || ' older than 10 minutes',
      'commit or roll them back: they hold snapshots and locks'
    from pg_prepared_xacts as x where x.database = current_database() and x.prepared < clock_timestamp() - interval '10 minutes';
end;
$$;
comment on function dreamlit._examine_installation() is
  'Returns the doctor''s checks of what the engine stands on: queues, roles, renderer, partitions, autovacuum.';

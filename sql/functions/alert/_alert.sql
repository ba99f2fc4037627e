-- Failures are counted in sets and health is asked once: a thousand failures are one alert.
create or replace function dreamlit._alert() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
begin
  with taken as (
    delete from dreamlit._failures as f returning f.*
  ), troubles as (
    select 'failed' as kind, w.name as subject, sum(t.failed) as count, min(t.failed_at) as since,
      (array_agg(jsonb_build_object('step', s.name, 'run_id', t.run_id, 'error', t.error) order by t.failed_at))[1] as detail
    from taken as t join dreamlit._workflows as w on w.workflow_id = t.workflow_id join dreamlit._steps as s on s.step_id = t.step_id
    group by w.name
    union all
    select t.kind, t.subject, t.count, v_now, jsonb_build_object('message', t.message) from dreamlit._troubles() as t
  )
  insert into dreamlit._alerts as a (kind, subject, count, detail, opened_at, last_seen_at)
  select t.kind, t.subject, t.count, t.detail, t.since, v_now from troubles as t
  on conflict (kind, subject) where closed_at is null do update set
    count = case when a.kind = 'failed' then a.count + excluded.count else excluded.count end, last_seen_at = excluded.last_seen_at;

  update dreamlit._alerts as a set closed_at = v_now
  where a.closed_at is null and a.last_seen_at < v_now - (dreamlit._setting('alert_quiet') #>> '{}')::interval;
  return dreamlit._tell_alerts();
end;
$$;
comment on function dreamlit._alert() is
  'Opens, counts and closes alerts, and tells the owner of those that were not told; returns how many it told.';

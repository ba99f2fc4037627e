-- Takes away what install.sql made, and nothing else. Run in one transaction; roles go afterwards, one by one.
select pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('install'));

do $uninstall$
declare
  v_queue text;
  v_made text[] := (select coalesce(array_agg(m.part), '{}') from dreamlit._releases as r cross join unnest(r.made) as m(part));
begin
  -- The trigger functions take their triggers along.
  set local lock_timeout = '10s';
  drop schema dreamlit_workflows cascade;
  drop schema dreamlit cascade;
  for v_queue in select q.queue_name from pgmq.list_queues() as q where q.queue_name like 'dreamlit\_%' loop
    perform pgmq.drop_queue(v_queue);
  end loop;
  revoke all on schema pgmq from dreamlit_owner;
  if 'pgmq' = any (v_made) and not exists (select from pgmq.list_queues()) then
    if exists (select from pg_catalog.pg_extension where extname = 'pgmq') then
      drop extension pgmq;
    end if;
    drop schema if exists pgmq cascade;
  end if;
  if 'plpython3u' = any (v_made) and not exists (
    select from pg_catalog.pg_proc as p join pg_catalog.pg_language as l on l.oid = p.prolang where l.lanname = 'plpython3u' and p.oid not in (
      select l2.lanplcallfoid from pg_catalog.pg_language as l2))
  then
    drop extension plpython3u;
  end if;
  if 'pg_cron' = any (v_made) then
    if not exists (select from cron.job) then
      drop extension pg_cron;
    end if;
  end if;
  drop owned by dreamlit_owner, dreamlit_admin, dreamlit_sender, dreamlit_reader;
end;
$uninstall$;

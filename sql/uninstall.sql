-- Takes away what install.sql made, and nothing else. Run in one transaction; roles go afterwards, one by one.
set local search_path = pg_catalog, pg_temp;
select pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('install'));

do $uninstall$
declare
  v_queue text;
  v_role name;
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
  if 'pgmq' = any (v_made) then
    if exists (select from pgmq.list_queues()) then
      raise notice 'dreamlit: pgmq stays: it has queues that are not ours';
    else
      if exists (select from pg_catalog.pg_extension where extname = 'pgmq') then
        drop extension pgmq;
      end if;
      drop schema if exists pgmq cascade;
    end if;
  end if;
  if 'plpython3u' = any (v_made) then
    if exists (select from pg_catalog.pg_proc as p join pg_catalog.pg_language as l on l.oid = p.prolang where l.lanname = 'plpython3u') then
      raise notice 'dreamlit: plpython3u stays: functions that are not ours are written in it';
    else
      drop extension plpython3u;
    end if;
  end if;
  if 'pg_cron' = any (v_made) then
    if exists (select from cron.job) then
      raise notice 'dreamlit: pg_cron stays: it has jobs that are not ours';
    else
      drop extension pg_cron;
    end if;
  end if;
  -- Rights that somebody gave our roles on other things. Who is no superuser may do this only for a role that it has itself.
  foreach v_role in array array['dreamlit_owner', 'dreamlit_admin', 'dreamlit_sender', 'dreamlit_reader'] loop
    if pg_has_role(current_user, v_role, 'usage') then
      execute format('drop owned by %I', v_role);
    end if;
  end loop;
end;
$uninstall$;

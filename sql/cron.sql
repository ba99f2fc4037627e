-- Every minute a worker that works for a little longer than a minute, so that they chain without a gap; and a second one, which
-- stands by for the time that a long query holds up the first. Where pg_cron runs its jobs one after the other there is no such time.
do $cron$
declare
  v_job text;
  v_in_turn constant boolean := exists (
    select from pg_settings as s join pg_extension as e on e.extname = 'pg_cron'
    where s.name = 'cron.use_background_workers' and s.setting = 'on' and string_to_array(e.extversion, '.')::integer[] < array[1, 5]);
begin
  if to_regnamespace('cron') is null then
    raise notice 'dreamlit: pg_cron is not in this database; the senders will tick';
    return;
  elsif not has_schema_privilege('cron', 'usage') then
    raise notice 'dreamlit: % may not use pg_cron (grant usage on schema cron); the senders will tick', current_user;
    return;
  end if;
  -- A job remembers the address of the server that it was made on; after a restore or a failover that may be another.
  perform cron.unschedule(j.jobid) from cron.job as j
  where j.jobname like 'dreamlit-%' and j.database = current_database()
    and (j.nodeport <> current_setting('port')::integer or j.nodename <> coalesce(current_setting('cron.host', true), j.nodename));
  foreach v_job in array case when v_in_turn then array['dreamlit-worker-1'] else array['dreamlit-worker-1', 'dreamlit-worker-2'] end loop
    if not exists (select from cron.job as j where j.jobname = v_job and j.database = current_database()) then
      perform cron.schedule(v_job, '* * * * *', 'call dreamlit.work(70)');
    end if;
  end loop;
  if not exists (select from cron.job as j where j.jobname = 'dreamlit-prune-cron' and j.database = current_database()) then
    perform cron.schedule('dreamlit-prune-cron', '17 * * * *', $$delete from cron.job_run_details as d using cron.job as j
      where j.jobid = d.jobid and j.jobname like 'dreamlit-%' and d.end_time < now() - interval '1 day'$$);
  end if;
end;
$cron$;

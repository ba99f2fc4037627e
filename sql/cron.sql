-- Every minute a worker that works for a little longer than a minute, so that they chain without a gap.
do $cron$
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
  where j.jobname = 'dreamlit-worker-1' and j.database = current_database()
    and (j.nodeport <> current_setting('port')::integer or j.nodename <> coalesce(current_setting('cron.host', true), j.nodename));
  if not exists (select from cron.job as j where j.jobname = 'dreamlit-worker-1' and j.database = current_database()) then
    perform cron.schedule('dreamlit-worker-1', '* * * * *', 'call dreamlit.work(70)');
    perform cron.schedule('dreamlit-prune-cron', '17 * * * *', $$delete from cron.job_run_details as d using cron.job as j
      where j.jobid = d.jobid and j.jobname like 'dreamlit-%' and d.end_time < now() - interval '1 day'$$);
  end if;
end;
$cron$;

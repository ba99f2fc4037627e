-- Every minute a worker that works for a little longer than a minute, so that they chain without a gap.
do $cron$
begin
  if to_regnamespace('cron') is null then
    raise notice 'dreamlit: pg_cron is not in this database; the senders will tick';
  elsif not has_schema_privilege('cron', 'usage') then
    raise notice 'dreamlit: % may not use pg_cron (grant usage on schema cron); the senders will tick', current_user;
  elsif not exists (select from cron.job as j where j.jobname = 'dreamlit-worker-1' and j.database = current_database()) then
    perform cron.schedule('dreamlit-worker-1', '* * * * *', 'call dreamlit.work(70)');
    perform cron.schedule('dreamlit-prune-cron', '17 * * * *', $$delete from cron.job_run_details as d using cron.job as j
      where j.jobid = d.jobid and j.jobname like 'dreamlit-%' and d.end_time < now() - interval '1 day'$$);
  end if;
end;
$cron$;

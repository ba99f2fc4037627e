-- pg_cron's tables are there in one database of the server only, and not for everybody; dreamlit.health knows whether a worker
-- ticks.
create or replace function dreamlit._examine_cron() returns table (name text, state text, detail text, mend text)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_failed text;
begin
  if not exists (
    select from pg_class as c
    where c.oid = to_regclass('cron.job') and has_schema_privilege(c.relnamespace, 'USAGE') and has_table_privilege(c.oid, 'SELECT'))
  then
    return query select 'pg_cron', 'ok', 'its jobs cannot be read from here; the line worker tells whether one ticks', null::text;
    return;
  end if;
  select (array_agg(d.return_message order by d.start_time desc))[1] into v_failed
  from cron.job_run_details as d join cron.job as j on j.jobid = d.jobid
  where j.command like '%dreamlit.work%' and d.status = 'failed' and d.start_time > now() - interval '10 minutes';
  if not exists (select from cron.job as j where j.command like '%dreamlit.work%' and j.active) then
    return query select 'pg_cron', 'warning', 'no active job of yours runs dreamlit.work', 'run dreamlit install again, or let a sender tick';
  else
    return query select 'pg_cron', case when v_failed is null then 'ok' else 'warning' end,
      coalesce('a job failed lately: ' || v_failed, 'the job is scheduled'),
      'see cron.job_run_details; the job''s user must be able to connect to cron.host';
  end if;
  return query
    select 'pg_cron', 'warning', format('its job connects to %s:%s, and this server is %s:%s', j.nodename, j.nodeport, h.setting, p.setting),
      'run dreamlit install again: the job was made on another server'
    from cron.job as j
    join pg_settings as h on h.name = 'cron.host' join pg_settings as p on p.name = 'port'
    join pg_settings as b on b.name = 'cron.use_background_workers' and b.setting = 'off'
    where j.command like '%dreamlit.work%' and j.active and (j.nodename <> h.setting or j.nodeport <> p.setting::integer)
      and not pg_is_in_recovery();  -- a standby shows its primary's job
  if (select s.setting from pg_settings as s where s.name = 'cron.use_background_workers') = 'on'
    and (select string_to_array(e.extversion, '.')::integer[] < array[1, 5] from pg_extension as e where e.extname = 'pg_cron')
  then
    return query select 'pg_cron', 'warning', 'before 1.5 it runs its jobs one after the other with cron.use_background_workers on',
      'set it off, and cron.host to the socket''s directory';
  end if;
end;
$$;
comment on function dreamlit._examine_cron() is 'Returns the doctor''s checks of pg_cron, as far as the caller may see its jobs from this database.';
grant execute on function dreamlit._examine_cron() to dreamlit_admin;

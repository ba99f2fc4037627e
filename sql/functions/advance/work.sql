-- The worker: pg_cron starts it every minute. It commits after each batch and is safe to run any number of times at once.
-- A procedure that commits can be neither pinned nor a definer; so it only calls functions that are both, by their full names.
create or replace procedure dreamlit.work(seconds integer default 70)
language plpgsql as $$
declare
  v_worker constant text := 'work:' || pg_catalog.pg_backend_pid();
  v_until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) dreamlit._working_time(seconds);
  v_step bigint;
  v_moved integer;
  v_idle integer := 500;  -- as if it had looked in vain for long: what it finds wakes it
begin
  loop
    exit when not dreamlit._on_duty(v_worker);
    if dreamlit._housekeep() then
      commit;
    end if;
    v_moved := dreamlit._work_unit(null);
    commit;
    foreach v_step in array dreamlit._due_steps() loop
      exit when not dreamlit._on_duty(v_worker);
      v_moved := v_moved operator(pg_catalog.+) dreamlit._work_unit(v_step);
      commit;
    end loop;
    exit when pg_catalog.clock_timestamp() operator(pg_catalog.>) v_until;
    v_idle := case when v_moved operator(pg_catalog.>) 0 then 0 else v_idle operator(pg_catalog.+) 1 end;
    if v_idle operator(pg_catalog.>) 0 then
      -- The snapshot of a sleep lasts no longer than the sleep.
      perform pg_catalog.pg_sleep(dreamlit._nap(v_worker, v_idle));
      commit;
    end if;
  end loop;
end;
$$;
comment on procedure dreamlit.work(integer) is
  'Starts runs and advances tasks for about that many seconds, committing after each batch; ends within a second when an '
  'installation or upgrade waits. Run it from pg_cron every minute, or by hand.';
grant execute on procedure dreamlit.work(integer) to dreamlit_admin;

-- Everything of ours is locked at once, before anything is changed. Taken one by one as the script goes along, the locks would
-- meet a sender's call that holds a later table and wants an earlier one: a deadlock, and one of the two dies of it. What is not
-- to be had within half a second is given back, well before PostgreSQL looks for deadlocks (after a second, by default), and
-- nobody waits long behind us either. Views come first, as for those who read them; by their owner, for LOCK TABLE would take
-- what they read along: the queue that the users' transactions write to. A parent without its partitions: nobody comes to those
-- but through it.
do $standstill$
declare
  c_patience constant interval := '500 ms';
  v_timeout constant text := current_setting('lock_timeout');
  v_began_at timestamptz;
  v_sql text;
begin
  for v_try in 1 .. 100 loop
    v_began_at := clock_timestamp();
    begin
      for v_sql in
        select format(case c.relkind when 'v' then 'alter view %s owner to dreamlit_owner' else 'lock table only %s in access exclusive mode' end, c.oid::regclass)
        from pg_catalog.pg_class as c
        where c.relnamespace = to_regnamespace('dreamlit') and c.relkind in ('v', 'r', 'p') and not c.relispartition
        order by c.relkind <> 'v', c.oid
      loop
        perform set_config('lock_timeout', greatest(1, 1000 * extract(epoch from v_began_at + c_patience - clock_timestamp()))::integer || 'ms', true);
        execute v_sql;
      end loop;
      perform set_config('lock_timeout', v_timeout, true);
      return;
    exception when lock_not_available or deadlock_detected then
      if v_try = 100 then
        raise exception using errcode = 'DL007', message = format('somebody uses the engine''s tables without an end: %s', v_sql),
          hint = 'pg_stat_activity shows who: a dump or a long query; install when it has finished';
      end if;
    end;
    perform pg_sleep(0.1);
  end loop;
end;
$standstill$;

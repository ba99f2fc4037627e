-- Only whole days that are over for longer than keep_history. A partition of messages with an open one among them stays.
create or replace function dreamlit._drop_old_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
declare
  v_limit constant date := ((dreamlit._now() - (dreamlit._setting('keep_history') #>> '{}')::interval) at time zone 'UTC')::date;
  v_partition record;
  v_open boolean;
  v_count integer := 0;
begin
  for v_partition in
    select c.relname, t.table_name
    from dreamlit._partitioned_tables() as t
    join pg_inherits as i on i.inhparent = to_regclass(format('dreamlit.%I', t.table_name))
    join pg_class as c on c.oid = i.inhrelid
    where case when c.relname ~ '_\d{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') < v_limit end
    order by c.relname
  loop
    v_open := false;
    if v_partition.table_name = '_messages' then
      execute format('select exists (select from dreamlit.%I as m where m.state in (''queued'', ''uncertain''))', v_partition.relname) into v_open;
    end if;
    continue when v_open;
    execute format('drop table dreamlit.%I', v_partition.relname);
    v_count := v_count + 1;
  end loop;
  return v_count;
exception when lock_not_available then
  return v_count;  -- somebody reads the history just now; the next hour will do
end;
$$;
comment on function dreamlit._drop_old_partitions() is
  'Drops the days of history beyond the setting keep_history, and returns how many partitions went.';

-- Only whole days that are over for longer than they are kept; a day of messages with an open one among them stays. One
-- partition a transaction: dropping one locks its parent until the commit, and others must not wait for the rest of them. Nor do
-- they wait behind us for more than 100 ms: a table that somebody reads is not asked for again at once.
create or replace function dreamlit._drop_old_partition() returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
  v_partition record;
  v_busy text[] := '{}';
begin
  for v_partition in
    select c.relname, t.table_name
    from dreamlit._partitioned_tables() as t
    join pg_inherits as i on i.inhparent = to_regclass(format('dreamlit.%I', t.table_name))
    join pg_class as c on c.oid = i.inhrelid
    where case when c.relname ~ '_\d{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD')
      < ((dreamlit._now() - dreamlit._kept_for(t.keep)) at time zone 'UTC')::date end
    order by right(c.relname, 8), c.relname
  loop
    continue when v_partition.table_name = any (v_busy);
    begin
      continue when v_partition.table_name = '_messages' and dreamlit._has_open_messages(v_partition.relname::text);
      execute format('drop table dreamlit.%I', v_partition.relname);
      return v_partition.relname::text;
    exception when lock_not_available then
      v_busy := v_busy || v_partition.table_name::text;  -- somebody reads it just now; another table, or the next hour, will do
    end;
  end loop;
  return null;
end;
$$;
comment on function dreamlit._drop_old_partition() is
  'Drops the oldest day of history that is kept no longer and returns its name; null if there is none, or none that can be locked in 100 ms.';

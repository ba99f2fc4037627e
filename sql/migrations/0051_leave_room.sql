-- As _ensure_partitions makes them. What is there is not written anew; what comes leaves room.
do $room$
declare
  v_partition regclass;
begin
  for v_partition in select i.inhrelid::regclass from pg_inherits as i where i.inhparent = 'dreamlit._messages'::regclass loop
    execute format('alter table %s set (fillfactor = 50)', v_partition);
  end loop;
end;
$room$;

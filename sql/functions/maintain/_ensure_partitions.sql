-- A week ahead, in UTC days; the newest table stands for all when there is nothing to do. A table is made alone and then
-- attached, which takes no lock that readers or writers of the parent would feel.
create or replace function dreamlit._ensure_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_today constant date := (dreamlit._now() at time zone 'UTC')::date;
  v_partition record;
  v_count integer := 0;
begin
  if to_regclass(format('dreamlit.%I', '_engagement_' || to_char(v_today + 1, 'YYYYMMDD'))) is not null then
    return 0;
  end if;
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('partitions'));
  for v_partition in
    select t.table_name, t.table_name || '_' || to_char(d.day, 'YYYYMMDD') as name, d.day::date as day
    from dreamlit._partitioned_tables() as t cross join generate_series(v_today - 1, v_today + 7, interval '1 day') as d(day)
  loop
    continue when to_regclass(format('dreamlit.%I', v_partition.name)) is not null;
    -- A message is written twice, all else once: room for the second time on the same page spares its indexes and half of its WAL.
    execute format('create table dreamlit.%I (like dreamlit.%I including all)%s', v_partition.name, v_partition.table_name,
      case when v_partition.table_name = '_messages' then ' with (fillfactor = 50)' else '' end);
    execute format('alter table dreamlit.%I attach partition dreamlit.%I for values from (%L) to (%L)', v_partition.table_name, v_partition.name,
      v_partition.day::text || ' 00:00+00', (v_partition.day + 1)::text || ' 00:00+00');
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function dreamlit._ensure_partitions() is
  'Makes the partitions of the coming days where they are missing, and returns how many it made.';

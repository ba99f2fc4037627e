create or replace function dreamlit._partitioned_tables() returns table (table_name text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values ('_run_history'), ('_task_history'), ('_messages'), ('_attempts'), ('_ignored_events');
$$;
comment on function dreamlit._partitioned_tables() is 'Returns the tables of the engine that have a partition a day.';

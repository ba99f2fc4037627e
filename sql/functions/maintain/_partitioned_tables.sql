create or replace function dreamlit._partitioned_tables() returns table (table_name text, keep text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values
    ('_run_history', 'keep_runs'), ('_task_history', 'keep_tasks'), ('_task_attempts', 'keep_tasks'), ('_messages', 'keep_messages'),
    ('_attempts', 'keep_attempts'), ('_ignored_events', 'keep_ignored_events'), ('_audit_log', 'keep_audit_log'),
    ('_engagement', 'keep_engagement');
$$;
comment on function dreamlit._partitioned_tables() is
  'Returns the tables of the engine that have a partition a day, with the setting that says how long a day stays.';

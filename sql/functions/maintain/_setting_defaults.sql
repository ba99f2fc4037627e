create or replace function dreamlit._setting_defaults() returns table (name text, value jsonb, meaning text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values
    ('renderer', '"sender"'::jsonb, 'who renders templates: database (plpython3u) or sender; the installer sets it'),
    ('lease', '"60 seconds"', 'how long a sender may hold a claimed message; an interrupted delivery is noticed after this'),
    ('batch', '1000', 'tasks that one step may advance in one transaction'),
    ('keep_history', '"90 days"', 'how long finished runs, tasks, messages and attempts stay'),
    ('keep_failed_versions', '"7 days"', 'how long a replaced version stays compiled for the retry of its failed runs');
$$;
comment on function dreamlit._setting_defaults() is 'Returns every setting with its default and its meaning.';

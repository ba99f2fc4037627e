-- Publishing asks for this as its caller, who may not read the settings.
create or replace function dreamlit._captures_replicated() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._setting('capture_replicated') = 'true';
$$;
comment on function dreamlit._captures_replicated() is
  'Returns whether rows that logical replication writes are captured: the setting capture_replicated.';
grant execute on function dreamlit._captures_replicated() to dreamlit_admin;

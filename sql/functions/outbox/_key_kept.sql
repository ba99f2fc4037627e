create or replace function dreamlit._key_kept() returns interval
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select interval '23 hours';
$$;
comment on function dreamlit._key_kept() is
  'Returns how long a provider is relied on to know a message again by its idempotency key: an hour less than the shortest promise.';

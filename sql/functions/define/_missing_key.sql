create or replace function dreamlit._missing_key(p_object jsonb, p_keys text[]) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select k.key from unnest(p_keys) as k(key) where not coalesce(p_object, '{}') ? k.key limit 1;
$$;
comment on function dreamlit._missing_key(jsonb, text[]) is 'Returns the first of the keys that an object lacks, null if it has all.';

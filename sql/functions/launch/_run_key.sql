-- A longer one would not fit into the index on keys, and the batch that it stands in could never start.
create or replace function dreamlit._run_key(p_key text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case when octet_length(p_key) > 1000 then left(p_key, 100) || ':' || md5(p_key) else p_key end;
$$;
comment on function dreamlit._run_key(text) is
  'Returns a key as runs carry it: itself, or the beginning and the MD5 of one of more than 1000 bytes.';

create or replace function dreamlit._is_address(p_address text) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select coalesce(dreamlit._mailbox(p_address), '') ~ '^[^[:space:][:cntrl:]<>,;]+@[^[:space:][:cntrl:]<>,;@]+$';
$$;
comment on function dreamlit._is_address(text) is 'Returns whether a text is one address, with or without a name.';

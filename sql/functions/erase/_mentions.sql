create or replace function dreamlit._mentions(p_address text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select '(^|[^[:alnum:]_%+.-])' || regexp_replace(dreamlit._mailbox(p_address), '([^[:alnum:]])', '\\\1', 'g')
    || '($|[^[:alnum:].-]|[-.]([^[:alnum:]]|$))';
$$;
comment on function dreamlit._mentions(text) is
  'Returns the regular expression that finds an address in a text as a whole, not as a part of a longer one; match it with ~*.';

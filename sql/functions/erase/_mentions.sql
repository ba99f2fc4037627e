-- In JSON a line break before the address is the letters \n; and a template may have written @, + and ' as HTML or a link does.
create or replace function dreamlit._mentions(p_address text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select '(^|[^[:alnum:]_%+.-]|\\[bfnrt]|\\u[0-9a-f]{4}|%[0-9a-f]{2})' || replace(replace(replace(
      regexp_replace(dreamlit._mailbox(p_address), '([^[:alnum:]])', '\\\1', 'g'),
      '\@', '(@|%40|&#64;)'), '\+', '(\+|%2b|&#43;)'), chr(92) || '''', '(''|%27|&#39;|&#x27;)')
    || '($|[^[:alnum:].-]|[-.]([^[:alnum:]]|$))';
$$;
comment on function dreamlit._mentions(text) is
  'Returns the regular expression that finds an address in a text or in JSON as a whole, not as a part of a longer one; match it '
  'with ~*.';

create or replace function dreamlit._mailbox(p_recipient text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select lower(btrim(coalesce(substring(p_recipient, '<([^<>]*)>[[:space:]]*$'), p_recipient)));
$$;
comment on function dreamlit._mailbox(text) is 'Returns the bare address of a recipient in lower case: ann@example.com of Ann <Ann@example.com>.';

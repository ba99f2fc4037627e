-- Which columns of trigger, new, old and earlier steps an SQL text names. A superset is harmless (one column more is captured);
-- literals and comments are taken out first, because the word new stands in many a literal.
create or replace function dreamlit._sql_references(p_sql text) returns table (alias text, column_name text)
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  with bare as (
    select regexp_replace(
      -- Quoted names are kept, so that a quote within one opens no literal.
      regexp_replace(p_sql, '("(?:[^"]|"")*")|''(?:[^'']|'''')*''|--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/', '\1 ', 'g'),
      '"(trigger|new|old)"', '\1', 'g') as text
  )
  select
    lower(m[1]),
    case when m[2] like '"%' then replace(substr(m[2], 2, length(m[2]) - 2), '""', '"') else lower(m[2]) end
  from bare cross join lateral regexp_matches(
    bare.text, '(?<![.\w"])([a-zA-Z_]\w*)\M(?:\s*\)?\s*\.\s*("(?:[^"]|"")+"|\w+))?', 'g') as m;
$$;
comment on function dreamlit._sql_references(text) is
  'Returns each identifier of an SQL text with the column named after it, null where the whole row is meant or it is another '
  'word.';
grant execute on function dreamlit._sql_references(text) to dreamlit_admin;

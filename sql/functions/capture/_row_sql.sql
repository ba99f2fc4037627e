-- Columns stand as placeholders of format(): %1$I is the first of the anchor's columns, whatever it is called today.
create or replace function dreamlit._row_sql(p_columns jsonb, p_names text[], p_row text, p_type text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format('row(%s)::%s', coalesce(string_agg(
    p_row || '.%' || array_position(p_names, c.value ->> 'name') || '$I', ', ' order by c.ordinality), ''), replace(p_type, '%', '%%'))
  from jsonb_array_elements(p_columns) with ordinality as c(value, ordinality);
$$;
comment on function dreamlit._row_sql(jsonb, text[], text, text) is
  'Returns the expression that makes a captured row of the changed row, with placeholders for the column names.';
grant execute on function dreamlit._row_sql(jsonb, text[], text, text) to dreamlit_admin;

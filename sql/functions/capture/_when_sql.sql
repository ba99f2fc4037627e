create or replace function dreamlit._when_sql(p_capture jsonb, p_arguments text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce((p_capture ->> 'when') || '(' || p_arguments || ')', 'true');
$$;
comment on function dreamlit._when_sql(jsonb, text) is 'Returns the call of a version''s condition, or true if it has none.';
grant execute on function dreamlit._when_sql(jsonb, text) to dreamlit_admin;

create or replace function dreamlit._event_sql(p_capture jsonb, p_trigger text, p_new text, p_old text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select 'pg_catalog.jsonb_build_object(''trigger'', pg_catalog.to_jsonb(' || p_trigger || ')'
    || case when p_capture -> 'old_columns' <> '[]' then ', ''old'', pg_catalog.to_jsonb(' || p_old || ')' else '' end
    || coalesce(', ''key'', ' || (p_capture ->> 'key') || format('(%s, %s, %s)', p_trigger, p_new, p_old), '') || ')';
$$;
comment on function dreamlit._event_sql(jsonb, text, text, text) is
  'Returns the expression that builds an event from a captured row.';
grant execute on function dreamlit._event_sql(jsonb, text, text, text) to dreamlit_admin;

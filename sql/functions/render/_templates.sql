create or replace function dreamlit._templates(p_settings jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_settings -> 'templates' || jsonb_build_object('brand', dreamlit.brand());
$$;
comment on function dreamlit._templates(jsonb) is 'Returns what a step''s messages are rendered with: its templates, and the brand of now.';

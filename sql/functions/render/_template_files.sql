create or replace function dreamlit._template_files(p_version_id bigint) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(v.definition -> 'files', '{}') from dreamlit._versions as v where v.version_id = p_version_id;
$$;
comment on function dreamlit._template_files(bigint) is 'Returns the template files of a version: {"greet.html": "…"}.';

create or replace function dreamlit._content_marks(p_step dreamlit._steps) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select nullif(
    jsonb_strip_nulls(jsonb_build_object('topic', p_step.settings #> '{templates,topic}'))
      || case when t.track @> '{"opens": true}' or t.track @> '{"clicks": true}' then jsonb_build_object('track', t.track) else '{}' end, '{}')
  from (select dreamlit._setting('track') || coalesce(p_step.settings #> '{templates,track}', '{}') as track) as t
  where p_step.kind = 'email';
$$;
comment on function dreamlit._content_marks(dreamlit._steps) is
  'Returns what an email''s content says beside what was rendered: {"topic", "track": {"opens", "clicks"}}, each only where it is set; '
  'null for nothing.';

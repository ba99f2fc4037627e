create or replace function dreamlit._topic_uses() returns table (topic text, workflow text, step text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.settings #>> '{templates,topic}', w.name, s.name
  from dreamlit._workflows as w join dreamlit._steps as s on s.version_id = w.version_id
  where w.state <> 'unpublished' and s.kind = 'email' and s.settings -> 'templates' ? 'topic';
$$;
comment on function dreamlit._topic_uses() is 'Returns the steps of published workflows that send emails of a topic.';

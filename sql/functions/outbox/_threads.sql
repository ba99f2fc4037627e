create or replace function dreamlit._threads(p_step dreamlit._steps) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_step.kind = 'slack' and exists (
    select from dreamlit._steps as s
    where s.version_id = p_step.version_id and s.kind = 'slack' and s.settings -> 'templates' ? 'thread'
      and (s.step_id = p_step.step_id or s.settings #>> '{templates,thread}' = p_step.name));
$$;
comment on function dreamlit._threads(dreamlit._steps) is 'Returns whether a step is a reply in a Slack thread, or is replied to.';

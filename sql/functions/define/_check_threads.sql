create or replace function dreamlit._check_threads(p_definition jsonb) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    select * from dreamlit._list_steps(p_definition)
  ), replies as (
    select s.place, s.name, s.parent, s.step #>> '{slack,thread}' as thread from steps as s
    where s.kind = 'slack' and jsonb_typeof(s.step #> '{slack,thread}') = 'string'
  ), above as (
    select r.place, r.parent as name from replies as r
    union
    select a.place, s.parent from above as a join steps as s on s.name = a.name
  )
  select r.place || '.slack.thread',
    case
      when r.thread not in (select s.name from steps as s where s.name is not null) then format('there is no step %s', r.thread)
      when r.thread not in (select s.name from steps as s where s.kind = 'slack') then format('the step %s posts nothing to Slack', r.thread)
      else format('the step %s does not come before %s on its way', r.thread, r.name) end,
    dreamlit._did_you_mean(r.thread, array(
      select s.name from steps as s where s.kind = 'slack' and s.name in (select a.name from above as a where a.place = r.place) order by s.step_position))
  from replies as r
  where not exists (
    select from above as a join steps as s on s.name = a.name where a.place = r.place and a.name = r.thread and s.kind = 'slack');
$$;
comment on function dreamlit._check_threads(jsonb) is 'Returns the faults of Slack steps that reply to a step: it must be a Slack step above.';
grant execute on function dreamlit._check_threads(jsonb) to dreamlit_admin;

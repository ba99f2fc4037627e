create or replace function dreamlit._check_step_options(p_place text, p_step jsonb) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_place || '.id', format('%s is no step id', p_step -> 'id'),
    'use lower-case letters, digits and _, a letter first, at most 40: it names the step in SQL and in templates'
  where jsonb_typeof(p_step -> 'id') = 'string' and p_step ->> 'id' !~ '^[a-z][a-z0-9_]{0,39}$'
  union all
  select p_place || '.id', format('%s is a word of SQL or of ours', p_step ->> 'id'), 'choose another id'
  where p_step ->> 'id' in ('trigger', 'new', 'old')
     or exists (select from pg_get_keywords() as k where k.word = p_step ->> 'id' and k.catcode in ('R', 'T'))
  union all
  select p_place || '.collect', format('collect is %s', p_step -> 'collect'), 'write true or false'
  where p_step ? 'collect' and jsonb_typeof(p_step -> 'collect') <> 'boolean'
  union all
  select p_place || '.lane', format('%s is no lane', p_step -> 'lane'), 'use urgent or bulk'
  where p_step ? 'lane' and (p_step -> 'lane') not in ('"urgent"', '"bulk"')
  union all
  select p_place || '.when_uncertain', format('%s is no way to treat an uncertain message', p_step -> 'when_uncertain'), 'use hold or retry'
  where p_step ? 'when_uncertain' and (p_step -> 'when_uncertain') not in ('"hold"', '"retry"')
  union all
  select p_place || '.attempts', format('attempts is %s', p_step -> 'attempts'), 'write a whole number from 1 to 50'
  where p_step ? 'attempts' and (p_step ->> 'attempts' !~ '^[0-9]{1,2}$' or (p_step ->> 'attempts') ~ '^0+$' or length(p_step ->> 'attempts') = 2 and p_step ->> 'attempts' > '50'
    or jsonb_typeof(p_step -> 'attempts') <> 'number');
$$;
comment on function dreamlit._check_step_options(text, jsonb) is
  'Returns the faults of a step''s id, collect, lane, when_uncertain and attempts.';
grant execute on function dreamlit._check_step_options(text, jsonb) to dreamlit_admin;

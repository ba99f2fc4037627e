-- A template reads the trigger, the old row and the query steps above it; the brand and the links are there for every one.
create or replace function dreamlit._check_template_uses(p_place text, p_references jsonb, p_scope jsonb)
returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('%s.%s', p_place, r.value ->> 'field'), concat_ws(' ', r.value ->> 'error', 'in line ' || (r.value ->> 'line')),
    coalesce(r.value ->> 'hint', 'mend the template')
  from jsonb_array_elements(p_references) as r
  where r.value ? 'error'
  union all
  select format('%s.%s', p_place, r.value ->> 'field'), format('nothing here is called %s', r.value #>> '{path,0}'),
    dreamlit._did_you_mean(r.value #>> '{path,0}', array(select s.value ->> 'alias' from jsonb_array_elements(p_scope) as s))
  from jsonb_array_elements(p_references) as r
  where r.value ? 'path' and r.value #>> '{path,0}' not in ('brand', 'unsubscribe_url', 'preferences_url')
    and not exists (select from jsonb_array_elements(p_scope) as s where s.value ->> 'alias' = r.value #>> '{path,0}')
  union all
  select format('%s.%s', p_place, r.value ->> 'field'), format('the brand has no %s', substr(b.path, 7)),
    dreamlit._did_you_mean(substr(b.path, 7), array(select k.key from jsonb_object_keys(dreamlit._brand_defaults() #> (b.parts[:cardinality(b.parts) - 1])) as k(key)))
  from jsonb_array_elements(p_references) as r
  cross join lateral (
    select array(select p.value from jsonb_array_elements_text(r.value -> 'path') with ordinality as p(value, n) where p.n between 2 and 3 order by p.n) as parts) as v
  cross join lateral (select v.parts, array_to_string('brand'::text || v.parts, '.') as path) as b
  where r.value #>> '{path,0}' = 'brand' and v.parts <> '{}' and not exists (select from jsonb_array_elements(p_scope) as s where s.value ->> 'alias' = 'brand')
    and dreamlit._brand_defaults() #> v.parts is null
  union all
  select format('%s.%s', p_place, r.value ->> 'field'),
    format('%s.%s: the step %s has no column %s', r.value #>> '{path,0}', r.value #>> '{path,1}', r.value #>> '{path,0}', r.value #>> '{path,1}'),
    dreamlit._did_you_mean(r.value #>> '{path,1}', array(select c.value ->> 'name' from jsonb_array_elements(s.value -> 'columns') as c))
  from jsonb_array_elements(p_references) as r
  join jsonb_array_elements(p_scope) as s on s.value ->> 'alias' = r.value #>> '{path,0}'
  where s.value ->> 'alias' not in ('trigger', 'old') and not (s.value ->> 'list')::boolean and r.value #>> '{path,1}' is not null
    and not exists (select from jsonb_array_elements(s.value -> 'columns') as c where c.value ->> 'name' = r.value #>> '{path,1}')
  union all
  select format('%s.%s', p_place, r.value ->> 'field'),
    format('%s.%s: %s is a list of rows', r.value #>> '{path,0}', r.value #>> '{path,1}', r.value #>> '{path,0}'),
    format('use {%% for row in %1$s %%}, %1$s[0].column or %1$s|length', r.value #>> '{path,0}')
  from jsonb_array_elements(p_references) as r
  join jsonb_array_elements(p_scope) as s on s.value ->> 'alias' = r.value #>> '{path,0}'
  where (s.value ->> 'list')::boolean and jsonb_typeof(r.value #> '{path,1}') = 'string'
  union all
  select format('%s.%s', p_place, r.value ->> 'field'),
    format('%s[%s].%s: the step %1$s has no column %3$s', r.value #>> '{path,0}', r.value #>> '{path,1}', r.value #>> '{path,2}'),
    dreamlit._did_you_mean(r.value #>> '{path,2}', array(select c.value ->> 'name' from jsonb_array_elements(s.value -> 'columns') as c))
  from jsonb_array_elements(p_references) as r
  join jsonb_array_elements(p_scope) as s on s.value ->> 'alias' = r.value #>> '{path,0}'
  where (s.value ->> 'list')::boolean and jsonb_typeof(r.value #> '{path,1}') = 'number' and r.value #>> '{path,2}' is not null
    and not exists (select from jsonb_array_elements(s.value -> 'columns') as c where c.value ->> 'name' = r.value #>> '{path,2}');
$$;
comment on function dreamlit._check_template_uses(text, jsonb, jsonb) is
  'Returns the faults of a step''s templates: what does not parse, and names that are not in its scope.';
grant execute on function dreamlit._check_template_uses(text, jsonb, jsonb) to dreamlit_admin;

-- Translations stand among the files, as locales/de.json: what a YAML file beside the templates becomes. Which keys are missing is
-- seen where the templates are read.
create or replace function dreamlit._check_locales(p_definition jsonb) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  with wanted as (
    select case when jsonb_typeof(p_definition -> 'locale') = 'string' then p_definition ->> 'locale' else 'en' end as locale
  ), files as (
    select substr(e.key, 9, length(e.key) - 13) as locale
    from jsonb_each(case when jsonb_typeof(p_definition -> 'files') = 'object' then p_definition -> 'files' else '{}' end) as e
    where e.key like 'locales/%.json'
  )
  select 'locale', format('%s is no locale', p_definition -> 'locale'), 'write a language such as de, or de-AT'
  from wanted as w
  where w.locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$' and btrim(w.locale) <> ''
  union all
  select 'files.locales/' || f.locale || '.json', format('%s is no locale', f.locale), 'name the file of a language such as de, or de-AT'
  from files as f
  where f.locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$'
  union all
  select 'locale', format('there are translations, and none for %s, which all others fall back to', w.locale),
    format('write locales/%s.yaml, or name the language that there is: locale: %s', w.locale, (select min(f.locale) from files as f))
  from wanted as w
  where exists (select from files)
    and not exists (select from files as f where replace(lower(w.locale), '_', '-') || '-' like replace(lower(f.locale), '_', '-') || '-%');
$$;
comment on function dreamlit._check_locales(jsonb) is
  'Returns the faults of a definition''s default locale and of its translations: names that are no locales, none for the default.';
grant execute on function dreamlit._check_locales(jsonb) to dreamlit_admin;

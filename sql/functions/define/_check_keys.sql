create or replace function dreamlit._check_keys(p_place text, p_object jsonb, p_allowed text[], p_required text[] default '{}')
returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select concat_ws('.', nullif(p_place, ''), k.key), format('unknown key %s', k.key), dreamlit._did_you_mean(k.key, p_allowed)
  from jsonb_object_keys(p_object) as k(key)
  where k.key <> all (p_allowed)
  union all
  select concat_ws('.', nullif(p_place, ''), r.key), format('%s is missing', r.key), format('add %s', r.key)
  from unnest(p_required) as r(key)
  where not p_object ? r.key or p_object -> r.key = 'null';
$$;
comment on function dreamlit._check_keys(text, jsonb, text[], text[]) is
  'Returns a fault for each key that is not allowed or is required and missing.';
grant execute on function dreamlit._check_keys(text, jsonb, text[], text[]) to dreamlit_admin;

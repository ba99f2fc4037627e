create or replace function dreamlit._check_texts(p_place text, p_object jsonb, p_keys text[]) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    concat_ws('.', nullif(p_place, ''), k.key),
    format('%s is %s, not a text', k.key, case jsonb_typeof(k.value) when 'string' then 'empty' else jsonb_typeof(k.value) end),
    'write it as a non-empty text'
  from jsonb_each(p_object) as k(key, value)
  where k.key = any (p_keys) and (jsonb_typeof(k.value) <> 'string' or btrim(k.value #>> '{}', E' \t\r\n') = '');
$$;
comment on function dreamlit._check_texts(text, jsonb, text[]) is
  'Returns a fault for each of the named keys whose value is not a non-empty text.';
grant execute on function dreamlit._check_texts(text, jsonb, text[]) to dreamlit_admin;

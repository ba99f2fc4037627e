create or replace function dreamlit._type_columns(p_type text) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select a.attname::text from pg_attribute as a
    where a.attrelid = to_regclass(p_type) and a.attnum > 0 and not a.attisdropped order by a.attnum);
$$;
comment on function dreamlit._type_columns(text) is 'Returns the names of a composite type''s columns; none for an unknown type.';

create or replace function dreamlit._captured(p_workflow text, p_version integer) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('type', n.type, 'old_type', n.old_type, 'columns', c.columns, 'old_columns', c.old_columns)
  from (select dreamlit._object_name(p_workflow, p_version, 'trigger') as type, dreamlit._object_name(p_workflow, p_version, 'old') as old_type) as n
  cross join lateral (
    select
      coalesce(jsonb_agg(a.definition order by a.attnum) filter (where a.attrelid = to_regclass(n.type)), '[]') as columns,
      coalesce(jsonb_agg(a.definition order by a.attnum) filter (where a.attrelid = to_regclass(n.old_type)), '[]') as old_columns
    from (
      select a.attrelid, a.attnum, jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) as definition
      from pg_attribute as a
      where a.attrelid in (to_regclass(n.type), to_regclass(n.old_type)) and a.attnum > 0 and not a.attisdropped
    ) as a
  ) as c;
$$;
comment on function dreamlit._captured(text, integer) is
  'Returns the types of a compiled version''s captured rows and the columns of each ({"name", "type"}), as _compile_trigger does.';

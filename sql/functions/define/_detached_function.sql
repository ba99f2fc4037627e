create or replace function dreamlit._detached_function(
  p_workflow text, p_version dreamlit._versions, p_operation text, p_by_row boolean, p_table regclass, p_anchor text)
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when p_by_row
    then dreamlit._detached_row_function(n.name, p_operation, p_version.version_id, n.event, n.capture, c.keys, s.names, s.plain,
      dreamlit._detached_changed_sql(p_table, n.name, case when p_operation = 'update' then p_version.definition #> '{trigger,columns}' end))
    else dreamlit._detached_statement_function(n.name, p_operation, p_version.version_id, n.event, n.capture, p_table, c.keys, s.names, s.plain) end
  from (
    select coalesce(array_agg(a.key order by a.column_number), '{}') as keys, coalesce(array_agg(a.column_number order by a.column_number), '{}') as numbers
    from dreamlit._anchor_columns(p_anchor) as a
  ) as c
  cross join lateral (
    select
      format('array(select a.attname from pg_attribute as a where a.attrelid = %s and a.attnum = any (%L::smallint[]) order by a.attnum)',
        p_table::oid, c.numbers) as names,
      dreamlit._plain_sql(p_table, c.keys, c.numbers::integer[]) as plain
  ) as s
  cross join (
    select dreamlit._trigger_function_name(p_workflow, p_operation) as name, dreamlit._object_name(p_workflow, p_version.version, 'event') as event,
      dreamlit._captured(p_workflow, p_version.version) as capture
  ) as n;
$$;
comment on function dreamlit._detached_function(text, dreamlit._versions, text, boolean, regclass, text) is
  'Returns the SQL that replaces a trigger function while its version is detached.';

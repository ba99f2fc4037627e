create or replace function dreamlit._is_whole(p_workflow text, p_version dreamlit._versions) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select not exists (
      select from unnest(p_version.operations) as o(operation)
      where not exists (
        select from pg_trigger as t where t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(p_workflow, o.operation) || '()')))
    and (p_version.operations = '{}' or to_regprocedure(dreamlit._object_name(p_workflow, p_version.version, 'columns') || '()') is not null)
    and not exists (
      select from dreamlit._steps as s cross join unnest(array[s.if_function, s.sql_function]) as f(name)
      where s.version_id = p_version.version_id and f.name is not null and to_regprocedure(f.name || '(bigint[], jsonb[])') is null);
$$;
comment on function dreamlit._is_whole(text, dreamlit._versions) is
  'Returns whether a published version still has its triggers and functions; DROP … CASCADE takes them along.';
